#include <cstdio>
#include <nlohmann/json.hpp>

#include "common/cli/exit_code.h"
#include "common/crypto/sha256.h"
#include "common/wire/layer_bits.h"
#include "common/wire/model_file.h"
#include "coordinator/cli/commands.h"

namespace fedqat {

int inspect_command(const InspectOptions& options, Fs& fs) {
  const auto bytes = fs.read(options.file);
  if (!bytes) return complain(bytes.error());
  const auto model = decode_model(*bytes, options.file.string());
  if (!model) return complain(model.error());
  using Json = nlohmann::ordered_json;
  const ModelSpec& spec = model->spec;
  Json j = {{"file", options.file.string()},
            {"sha256", to_hex(sha256(*bytes))},
            {"bytes", bytes->size()},
            {"network", spec.name},
            {"input", {spec.input.h, spec.input.w, spec.input.c}},
            {"classes", spec.classes},
            {"weight_bits", model->quant.weight_bits},
            {"activation_bits", model->quant.activation_bits}};
  Json layers = Json::array();
  for (const LayerBits& bits : model->quant.layers) layers.push_back(layer_bits_text(bits));
  if (!layers.empty()) j["layer_bits"] = std::move(layers);
  Json steps = Json::array();
  for (const PackedStep& s : model->steps) {
    steps.push_back({{"weights", s.weights.size() + s.float_weights.size()},
                     {"channels", s.bias.size() + s.float_bias.size()},
                     {"activation_scale", s.activation_scale},
                     {"activation_zero", s.activation_zero}});
  }
  j["steps"] = std::move(steps);
  if (options.json) {
    std::printf("%s\n", j.dump(2).c_str());
    return kExitOk;
  }
  for (const auto& [key, value] : j.items()) {
    if (key == "steps") continue;
    std::printf("%-16s %s\n", key.c_str(),
                value.is_string() ? value.get<std::string>().c_str() : value.dump().c_str());
  }
  std::size_t number = 0;
  for (const Json& step : j["steps"]) {
    std::printf("step %-11zu %s\n", number++, step.dump().c_str());
  }
  return kExitOk;
}

}  // namespace fedqat
