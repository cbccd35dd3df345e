#include "common/cli/inputs.h"

#include "common/data/load.h"
#include "common/wire/config.h"

namespace fedqat {

std::vector<std::string> all_overrides(const InputOptions& options) {
  std::vector<std::string> overrides = options.overrides;
  if (options.seed) overrides.push_back("run.seed=" + std::to_string(*options.seed));
  if (!options.backend.empty()) overrides.push_back("sim.backend=" + options.backend);
  if (options.threads) overrides.push_back("sim.threads=" + std::to_string(*options.threads));
  return overrides;
}

Result<wire::Config> load_config(Fs& fs, const InputOptions& options, Places* places) {
  const auto bytes = fs.read(options.config);
  if (!bytes) return Error{Errc::kInvalid, bytes.error().what};
  return parse_config(as_text(*bytes), options.config.string(), all_overrides(options), places);
}

Result<DataSplit> load_config_data(Fs& fs, const wire::Config& config,
                                   const InputOptions& options) {
  const wire::DataConfig& data = config.data();
  return load_data(
      fs, {.name = data.name(),
           .dir = options.data_dir.empty() ? std::filesystem::path(data.dir()) : options.data_dir,
           .max_train = data.max_train_samples(),
           .max_test = data.max_test_samples()});
}

}  // namespace fedqat
