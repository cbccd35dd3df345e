#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>

#include "client/cli/commands.h"
#include "common/cli/exit_code.h"
#include "common/crypto/sha256.h"
#include "common/nn/evaluate.h"
#include "common/wire/config.h"
#include "common/wire/model_config.h"
#include "common/wire/model_file.h"

namespace fedqat {

int eval_command(const EvalOptions& options, Fs& fs) {
  const auto bytes = fs.read(options.model);
  if (!bytes) return complain(bytes.error());
  const auto model = decode_model(*bytes, options.model.string());
  if (!model) return complain(model.error());
  const auto config = client_config(fs, options.input);
  if (!config) return complain(config.error());
  const auto data = load_config_data(fs, *config, options.input);
  if (!data) return complain(data.error());
  const Dataset& test = data->test;
  if (test.shape != model->spec.input || test.classes > model->spec.classes) {
    return complain({Errc::kInvalid, "the test set has samples of " + to_string(test.shape) +
                                         " and " + std::to_string(test.classes) +
                                         " classes, the model takes " +
                                         to_string(model->spec.input) + " and " +
                                         std::to_string(model->spec.classes) +
                                         "; name its data with --config or --set data.name="});
  }
  ThreadPool pool(static_cast<int>(std::max(1U, std::thread::hardware_concurrency())));
  const auto result = evaluate(*model, test, pool, backend_from_config(*config));
  if (!result) return complain(result.error());
  if (options.json) {
    const nlohmann::ordered_json j = {{"model_sha256", to_hex(sha256(*bytes))},
                                      {"data", test.name},
                                      {"samples", result->samples},
                                      {"correct", result->correct},
                                      {"accuracy", result->accuracy()},
                                      {"loss", result->mean_loss()}};
    std::printf("%s\n", j.dump(2).c_str());
  } else {
    std::printf("%s: accuracy %.2f %% (%llu of %llu), loss %.4f\n", test.name.c_str(),
                100 * result->accuracy(), static_cast<unsigned long long>(result->correct),
                static_cast<unsigned long long>(result->samples), result->mean_loss());
  }
  return kExitOk;
}

}  // namespace fedqat
