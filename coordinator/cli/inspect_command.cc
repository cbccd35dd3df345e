#include <cstdio>
#include <nlohmann/json.hpp>

#include "common/cli/exit_code.h"
#include "common/crypto/sha256.h"
#include "common/wire/model_file.h"
#include "coordinator/cli/commands.h"

namespace fedqat {

int inspect_command(const InspectOptions& options, Fs& fs) {
  const auto bytes = fs.read(options.file);
  if (!bytes) return complain(bytes.error());
  const auto model = decode_model(*bytes, options.file.string());
  if (!model) return complain(model.error());
  nlohmann::ordered_json j = {{"file", options.file.string()},
                              {"sha256", to_hex(sha256(*bytes))},
                              {"bytes", bytes->size()},
                              {"network", model->spec.name},
                              {"weight_bits", model->quant.weight_bits},
                              {"activation_bits", model->quant.activation_bits},
                              {"input", {model->spec.input.h, model->spec.input.w,
                                         model->spec.input.c}},
                              {"steps", nlohmann::ordered_json::array()}};
  (void)0;
  if (options.json) {
    std::printf("%s\n", j.dump(2).c_str());
    return kExitOk;
  }
  for (const auto& [key, value] : j.items()) {
    if (key == "steps") continue;
    std::printf("%-16s %s\n", key.c_str(),
                value.is_string() ? value.get<std::string>().c_str() : value.dump().c_str());
  }
  return kExitOk;
}

}  // namespace fedqat
