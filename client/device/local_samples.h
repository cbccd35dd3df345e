// The training samples of this device.
#pragma once

#include <filesystem>
#include <optional>

#include "common/base/fs.h"
#include "common/data/dataset.h"
#include "common/wire/config.pb.h"
#include "common/wire/network_spec.h"

namespace fedqat {

// data[indices], in their order.
Dataset select_samples(const Dataset& data, std::span<const std::uint32_t> indices);

// Loads once and keeps no more than what is trained on. fs and config must outlive it.
class LocalSamples {
 public:
  // With `shard` a device trains only on what [partition] gives to its number in the run: for
  // demonstrations and tests, where all devices have the same files.
  LocalSamples(Fs& fs, const wire::Config& config, std::filesystem::path dir, bool shard)
      : fs_(fs), config_(config), dir_(std::move(dir)), shard_(shard) {}

  // Valid until the next call. Codes of load_data() and make_partition(); kInvalid: no such client.
  Result<const Dataset*> of(std::uint32_t client);

 private:
  Fs& fs_;
  const wire::Config& config_;
  std::filesystem::path dir_;
  bool shard_;
  std::optional<std::uint32_t> client_;
  Dataset samples_;
};

// kInvalid: shape, classes or normalisation are not what the network reads. Files that a device
// brings itself ("idx") are normalised as the network says.
Result<void> check_samples(const Dataset& samples, const NetworkSpec& network);

}  // namespace fedqat
