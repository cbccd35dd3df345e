// What commands start from: the config, changed by options, and its data.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "common/base/fs.h"
#include "common/base/result.h"
#include "common/data/dataset.h"
#include "common/wire/config.pb.h"
#include "common/wire/toml_reader.h"

namespace fedqat {

struct InputOptions {
  std::filesystem::path config;
  std::optional<std::uint64_t> seed;
  std::optional<std::uint32_t> threads;
  std::string backend;                 // instead of sim.backend; empty: none
  std::filesystem::path data_dir;      // before the config's own folder
  std::vector<std::string> overrides;  // "key=value"
};

// The overrides, and behind them those that options stand for.
std::vector<std::string> all_overrides(const InputOptions& options);

// Every error is kInvalid: a config that cannot be read is wrong usage.
// `places`, if given, gets where each key stood.
Result<wire::Config> load_config(Fs& fs, const InputOptions& options, Places* places = nullptr);

// Codes of load_data(): kNotFound and kCorrupt, among others.
Result<DataSplit> load_config_data(Fs& fs, const wire::Config& config, const InputOptions& options);

}  // namespace fedqat
