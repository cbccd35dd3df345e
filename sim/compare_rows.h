// The rows of a comparison: which federation each trains, and which model it deploys from it.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/data/dataset.h"
#include "common/wire/config.pb.h"
#include "common/wire/toml_reader.h"

namespace fedqat {

// The same config in fp32: weights, activations and everything that travels.
wire::Config fp32_config(wire::Config config);

struct PlannedRow {
  std::string label;      // unlike that of every other row
  std::string technique;  // "fp32", "ptq", "dynamic", "weight-sharing", "qat"
  wire::Config
      train;  // in fp32 unless qat or such a row's deploy_bits; run.seed is that of the first seed
  wire::Config deploy;  // of this the model's bits and scales
  std::string place;    // for errors: "x.toml:12:1: compare row 'coarse'"
};

// The technique works on a model that was trained for another row: "ptq", "dynamic".
bool is_after_training(std::string_view technique);

// Techniques and bits of config.compare(), then its rows. `places` is where keys of the config
// stood, as parse_config() tells. kInvalid: an override that --set would refuse, a key that no row
// may change, a row in fp32 that is not, two rows of one name.
Result<std::vector<PlannedRow>> plan_rows(const wire::Config& config, const Places& places);

// kInvalid and the codes of check_federation(): what would otherwise be found after training.
Result<void> check_rows(const std::vector<PlannedRow>& rows, const DataSplit& data);

// Equal for rows that can share one training. Threads, names and, in fp32, quantization do not
// count.
std::string training_key(const wire::Config& config);

}  // namespace fedqat
