#include "common/wire/config_checks.h"

#include <cmath>
#include <string>
#include <vector>

#include "common/wire/layer_bits.h"
#include "common/wire/schema.h"

namespace fedqat {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using wire::Config;
using wire::LayerConfig;

bool is_width(std::uint32_t bits) { return (bits >= 2 && bits <= 8) || bits == 32; }

bool uplink_fits(const Config& c) {
  const double bits = c.codec().uplink_bits();
  if (c.codec().uplink() == "eden") return bits >= 0.1 && bits <= 8;
  const bool whole = bits >= 1 && bits <= 8 && bits == std::floor(bits);
  if (c.codec().uplink() == "dither" || c.codec().uplink() == "top-k") return whole && bits >= 2;
  return whole || bits == 32;
}

struct Check {
  std::vector<const char*> keys;  // shown with their values
  bool (*holds)(const Config&);
  const char* rule;
  const char* remedy;
};

const std::vector<Check>& checks() {
  static const std::vector<Check> table = {
      {{"quant.weight_bits"},
       [](const Config& c) { return is_width(c.quant().weight_bits()); },
       "weights have 2 to 8 bits, or 32 for fp32",
       "use 8"},
      {{"quant.activation_bits"},
       [](const Config& c) { return is_width(c.quant().activation_bits()); },
       "activations have 2 to 8 bits, or 32 for fp32",
       "use 8"},
      {{"quant.weight_bits", "quant.activation_bits"},
       [](const Config& c) {
         return (c.quant().weight_bits() == 32) == (c.quant().activation_bits() == 32);
       },
       "fp32 is for weights and activations together",
       "set both to 32, or both to 2 to 8"},
      {{"quant.layer_bits", "quant.weight_bits"},
       [](const Config& c) {
         return c.quant().layer_bits().empty() || c.quant().weight_bits() != 32;
       },
       "layers of an fp32 run have no bits of their own",
       "leave out quant.layer_bits, or use quant.weight_bits = 8 and quant.activation_bits = 8"},
      {{"quant.codebook", "quant.weight_bits", "codec.downlink_bits", "codec.downlink"},
       [](const Config& c) {
         return c.quant().codebook() == 0 ||
                (c.quant().codebook() >= 2 && c.quant().weight_bits() == 32 &&
                 c.codec().downlink_bits() == 32 && c.codec().downlink() == "whole");
       },
       "shared weights take 2 to 256 values, are computed with in fp32 and sent to clients without "
       "loss",
       "use 16 or 256 with quant.weight_bits = 32, quant.activation_bits = 32, codec.downlink_bits "
       "= 32, codec.downlink = \"whole\""},
      {{"quant.kure", "quant.codebook"},
       [](const Config& c) { return c.quant().kure() == 0 || c.quant().codebook() == 0; },
       "the kurtosis regulariser moves weights apart that share a value",
       "set one of the two to 0"},
      {{"quant.activation_scales", "quant.scale_learning_rate"},
       [](const Config& c) {
         return c.quant().activation_scales() == "lsq" || c.quant().scale_learning_rate() > 0;
       },
       "with a learning rate of 0 all scales stand still and no rule learns them",
       "set quant.scale_learning_rate = 100, or quant.activation_scales = \"lsq\""},
      {{"codec.bit_schedule", "codec.uplink", "codec.uplink_bits"},
       [](const Config& c) {
         const wire::CodecConfig& codec = c.codec();
         return codec.bit_schedule() == "fixed" ||
                ((codec.uplink() == "uniform" || codec.uplink() == "dither") &&
                 codec.uplink_bits() >= 2 && codec.uplink_bits() <= 8);
       },
       "bits follow the range where a grid of 2 to 8 bits has one",
       "set codec.uplink = \"uniform\" or \"dither\" with codec.uplink_bits = 8, or "
       "codec.bit_schedule = \"fixed\""},
      {{"codec.uplink_bits", "codec.uplink"},
       uplink_fits,
       "a weight of an update has 1 to 8 bits, whole ones, or 32 for fp32; with dither and top-k 2 "
       "to 8, "
       "with "
       "eden 0.1 to 8",
       "use 8, or codec.uplink = \"eden\""},
      {{"codec.downlink_bits", "codec.downlink"},
       [](const Config& c) {
         const std::uint32_t bits = c.codec().downlink_bits();
         return bits == 4 || bits == 8 || bits == (c.codec().downlink() == "whole" ? 32 : 2);
       },
       "the broadcast model has 4 or 8 bits a weight, or 32 for fp32, and a difference 2, 4 or 8",
       "use 8, or 2 with codec.downlink = \"difference\""},
      {{"codec.downlink_scale", "codec.downlink_nearest", "codec.downlink"},
       [](const Config& c) {
         const bool defaults =
             c.codec().downlink_scale() == "max" && c.codec().downlink_nearest() == 1;
         return defaults || c.codec().downlink() == "whole";
       },
       "a difference has a rounding of its own",
       "use codec.downlink = \"whole\", or leave out the two others"},
      {{"quant.warmup_rounds", "quant.freeze_rounds", "run.rounds"},
       phases_fit,
       "warm-up and freeze together must leave at least one round in which scales are learnt",
       "raise run.rounds, or lower quant.warmup_rounds or quant.freeze_rounds"},
      {{"round.clients", "partition.clients"},
       [](const Config& c) {
         return c.partition().kind() == "natural" || c.round().clients() <= c.partition().clients();
       },
       "a round cannot have more clients than there are",
       "lower round.clients or raise partition.clients"},
      {{"sim.dropout"},
       [](const Config& c) { return c.sim().dropout() < 1; },
       "if every client drops out, no round ever ends",
       "use less than 1"},
      {{"sim.backend", "quant.weight_bits"},
       [](const Config& c) {
         return c.sim().backend() == "builtin" || c.quant().weight_bits() != 32;
       },
       "XNNPACK runs integer models only",
       "use sim.backend = \"builtin\", or 8 bits"},
      {{"client.final_learning_rate", "client.learning_rate"},
       [](const Config& c) {
         return c.client().final_learning_rate() <= c.client().learning_rate();
       },
       "the learning rate falls from the one to the other",
       "lower client.final_learning_rate; 0 keeps client.learning_rate"},
  };
  return table;
}

// Which keys each operation has. `kernel` also stands for kernel_h with kernel_w.
struct LayerKeys {
  const char* op;
  bool units, kernel, stride, padding;
  int inputs;
};
constexpr LayerKeys kLayerKeys[] = {
    {"dense", true, false, false, false, 1},       {"conv2d", true, true, true, true, 1},
    {"max_pool", false, true, true, false, 1},     {"avg_pool", false, true, true, false, 1},
    {"relu", false, false, false, false, 1},       {"flatten", false, false, false, false, 1},
    {"add", false, false, false, false, 2},        {"depthwise_conv2d", false, true, true, true, 1},
    {"batch_norm", false, false, false, false, 1}, {"conv1d", true, true, true, true, 1},
};

std::string layer_fault(const LayerConfig& layer) {
  if (!layer.has_op()) {
    return "a layer needs an operation; add op = \"dense\" or another";
  }
  for (const LayerKeys& keys : kLayerKeys) {
    if (layer.op() != keys.op) continue;
    const std::string& op = layer.op();
    const bool sized = layer.has_kernel_h() || layer.has_kernel_w();
    if (keys.units && !layer.has_units()) return op + " needs the key units; add units = 10";
    if (!keys.units && layer.has_units()) return op + " has no key units; remove it";
    if (keys.kernel && !layer.has_kernel() && !(layer.has_kernel_h() && layer.has_kernel_w())) {
      return op + " needs the key kernel; add kernel = 2, or both kernel_h and kernel_w";
    }
    if (!keys.kernel && (layer.has_kernel() || sized)) return op + " has no kernel; remove it";
    if (!keys.stride && layer.has_stride()) return op + " has no key stride; remove it";
    if (op == "conv1d" && (sized || layer.has_padding_h() || layer.has_padding_w())) {
      return "conv1d has one side only; use kernel and padding, or op = \"conv2d\"";
    }
    const bool padded = layer.has_padding() || layer.has_padding_h() || layer.has_padding_w();
    if (!keys.padding && padded) return op + " has no key padding; remove it";
    const int given = layer.inputs_size();
    if (given != keys.inputs && !(given == 0 && keys.inputs == 1)) {
      return op + " reads " + std::to_string(keys.inputs) + " layer(s), inputs names " +
             std::to_string(given) + "; list " + std::to_string(keys.inputs);
    }
  }
  return {};
}

std::string shown_value(const Config& config, std::string_view name) {
  const std::size_t dot = name.find('.');
  const FieldDescriptor& table =
      *Config::descriptor()->FindFieldByName(std::string(name.substr(0, dot)));
  const Message& section = config.GetReflection()->GetMessage(config, &table);
  const FieldDescriptor& key =
      *section.GetDescriptor()->FindFieldByName(std::string(name.substr(dot + 1)));
  return std::string(name) + " = " + key_value(section, key, key.is_repeated() ? 0 : -1);
}

std::string place_of(const std::vector<const char*>& keys, std::string_view file,
                     const Places& places) {
  std::string place(file);
  for (const char* key : keys) {
    const auto it = places.find(key);
    if (it == places.end()) continue;
    if (it->second.starts_with("--set ")) return it->second;  // given last, so it broke the rule
    if (place == file) place = it->second;
  }
  return place;
}

}  // namespace

bool phases_fit(const Config& config) {
  const wire::QuantConfig& q = config.quant();
  return q.weight_bits() == 32 ||
         (q.warmup_rounds() >= 1 &&
          std::uint64_t{q.warmup_rounds()} + q.freeze_rounds() < config.run().rounds());
}

Result<void> check_config(const Config& config, std::string_view file, const Places& places) {
  for (const Check& check : checks()) {
    if (check.holds(config)) continue;
    std::string what = place_of(check.keys, file, places) + ": ";
    for (const char* key : check.keys) {
      what += (key == check.keys.front() ? "" : ", ") + shown_value(config, key);
    }
    return Error{Errc::kInvalid, what + ": " + check.rule + "; " + check.remedy};
  }
  for (int i = 0; i < config.quant().layer_bits_size(); ++i) {
    const auto bits = parse_layer_bits(config.quant().layer_bits(i));
    if (bits) continue;
    const std::string name = "quant.layer_bits[" + std::to_string(i) + "]";
    return Error{Errc::kInvalid, place_of({name.c_str(), "quant.layer_bits"}, file, places) + ": " +
                                     name + ": " + bits.error().what};
  }
  for (int i = 0; i < config.model().layers_size(); ++i) {
    const std::string fault = layer_fault(config.model().layers(i));
    if (fault.empty()) continue;
    const std::string name = "model.layers[" + std::to_string(i) + "]";
    return Error{Errc::kInvalid,
                 place_of({name.c_str()}, file, places) + ": " + name + ": " + fault};
  }
  return {};
}

}  // namespace fedqat
