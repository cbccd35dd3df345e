#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "common/cli/exit_code.h"
#include "common/wire/config.h"
#include "common/wire/partition_config.h"
#include "sim/cli/commands.h"
#include "sim/client_shares.h"

namespace fedqat {
namespace {

struct Sizes {
  std::size_t least = 0;
  std::size_t median = 0;
  std::size_t greatest = 0;
};

Sizes sizes_of(const Partition& partition) {
  std::vector<std::size_t> sizes;
  for (std::uint32_t c = 0; c < partition.clients(); ++c) {
    sizes.push_back(partition.samples(c).size());
  }
  std::sort(sizes.begin(), sizes.end());
  return {sizes.front(), sizes[sizes.size() / 2], sizes.back()};
}

void print_json(const wire::Config& config, const Partition& partition, const Sizes& sizes,
                const std::vector<ClientShare>& shares) {
  using Json = nlohmann::ordered_json;
  Json list = Json::array();
  for (const ClientShare& s : shares) {
    list.push_back({{"client", s.client}, {"samples", s.samples}, {"per_class", s.per_class}});
  }
  const Json root = {
      {"format", "fedqat.partition/1"},
      {"data", config.data().name()},
      {"partition", partition_text(config.partition())},
      {"seed", config.run().seed()},
      {"clients", partition.clients()},
      {"samples", {{"min", sizes.least}, {"median", sizes.median}, {"max", sizes.greatest}}},
      {"shares", std::move(list)}};
  std::printf("%s\n", root.dump(1).c_str());
}

void print_table(const wire::Config& config, const Partition& partition, const Sizes& sizes,
                 const std::vector<ClientShare>& shares, int classes) {
  std::printf("%s, %s, seed %llu: %u clients with %zu to %zu samples, median %zu\n\n",
              config.data().name().c_str(), partition_text(config.partition()).c_str(),
              static_cast<unsigned long long>(config.run().seed()), partition.clients(),
              sizes.least, sizes.greatest, sizes.median);
  std::printf("%8s %8s  ", "client", "samples");
  for (int c = 0; c < classes; ++c) std::printf(" %5d", c);
  std::printf("\n");
  for (const ClientShare& s : shares) {
    std::printf("%8u %8u  ", s.client, s.samples);
    for (const std::uint32_t n : s.per_class) {
      if (n == 0) {
        std::printf("     .");
      } else {
        std::printf(" %5u", n);
      }
    }
    std::printf("\n");
  }
  if (shares.size() < partition.clients()) {
    std::printf("... and %zu more; --show N shows N clients\n",
                partition.clients() - shares.size());
  }
}

}  // namespace

int partition_command(const PartitionOptions& options, Fs& fs) {
  const auto config = load_config(fs, options.input);
  if (!config) return complain(config.error());
  const auto data = load_config_data(fs, *config, options.input);
  if (!data) return complain(data.error());
  const auto partition = partition_from_config(*config, data->train);
  if (!partition) return complain(partition.error());
  const auto shares = client_shares(*partition, data->train, options.show);
  const Sizes sizes = sizes_of(*partition);
  if (options.json) {
    print_json(*config, *partition, sizes, shares);
  } else {
    print_table(*config, *partition, sizes, shares, data->train.classes);
  }
  return kExitOk;
}

int config_command() {
  std::fputs(schema_toml().c_str(), stdout);
  return kExitOk;
}

}  // namespace fedqat
