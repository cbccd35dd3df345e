#include "client/device/local_samples.h"

#include <catch2/catch.hpp>

#include "common/data/load.h"
#include "common/wire/model_config.h"
#include "common/wire/partition_config.h"

using namespace fedqat;

TEST_CASE("local_samples: a shard is what the partition gives to the client, in its order") {
  const auto fs = make_posix_fs();
  wire::Config config;
  config.mutable_partition()->set_clients(4);
  const auto all = load_data(*fs, {});
  REQUIRE(all);
  const auto partition = partition_from_config(config, all->train);
  REQUIRE(partition);
  LocalSamples samples(*fs, config, "", true);
  for (const std::uint32_t client : {2U, 0U}) {
    const auto own = samples.of(client);
    REQUIRE(own);
    const auto indices = partition->samples(client);
    REQUIRE((*own)->size() == indices.size());
    for (std::size_t i = 0; i < indices.size(); ++i) {
      REQUIRE((*own)->labels[i] == all->train.labels[indices[i]]);
      const auto got = (*own)->sample(i), want = all->train.sample(indices[i]);
      REQUIRE(std::equal(got.begin(), got.end(), want.begin(), want.end()));
    }
  }
  REQUIRE(samples.of(4).error().code == Errc::kInvalid);
  LocalSamples whole(*fs, config, "", false);
  REQUIRE((*whole.of(9))->size() == all->train.size());
}

TEST_CASE("local_samples: data that do not fit the network are refused with what to do") {
  const auto fs = make_posix_fs();
  const wire::Config config;
  LocalSamples samples(*fs, config, "", false);
  const auto own = samples.of(0);
  REQUIRE(own);
  const Dataset& data = **own;
  const auto network = network_from_config(config, data.shape, data.classes, data.grid);
  REQUIRE(network);
  CHECK(check_samples(data, *network));
  auto other = *network;
  other.model.input.h += 1;
  CHECK(check_samples(data, other).error().code == Errc::kInvalid);
  other = *network;
  other.model.classes = 3;
  CHECK(check_samples(data, other).error().code == Errc::kInvalid);
  other = *network;
  other.input.zero += 1;
  CHECK(check_samples(data, other).error().code == Errc::kInvalid);
  Dataset own_files = data;
  own_files.name = "idx";
  CHECK(check_samples(own_files, other));
}
