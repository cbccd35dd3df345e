#include "common/cli/inputs.h"

#include "common/data/load.h"
#include "common/wire/config.h"

namespace fedqat {

Result<wire::Config> load_config(Fs& fs, const InputOptions& options, Places* places) {
  const auto bytes = fs.read(options.config);
  if (!bytes) return Error{Errc::kInvalid, bytes.error().what};
  std::vector<std::string> overrides = options.overrides;
  if (options.seed) overrides.push_back("run.seed=" + std::to_string(*options.seed));
  if (options.threads) overrides.push_back("sim.threads=" + std::to_string(*options.threads));
  return parse_config(as_text(*bytes), options.config.string(), overrides, places);
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
