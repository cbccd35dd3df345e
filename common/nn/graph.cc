#include "common/nn/graph.h"

#include <algorithm>
#include <utility>

#include "common/kernels/qgemm/qgemm.h"

namespace fedqat {
namespace {

Result<void> check_bits(const QuantSpec& q) {
  const auto in_range = [](int bits) { return bits >= 2 && bits <= 8; };
  const bool is_float = q.weight_bits == kFloatBits && q.activation_bits == kFloatBits;
  const bool activations = in_range(q.activation_bits) || q.activation_bits == kFloatBits;
  if (is_float || (in_range(q.weight_bits) && activations && in_range(q.edge_bits))) {
    return {};
  }
  return Error{
      Errc::kInvalid,
      "bits of weights and activations must be 2..8, or 32 for both or activations: weights " +
          std::to_string(q.weight_bits) + ", activations " + std::to_string(q.activation_bits) +
          ", edges " + std::to_string(q.edge_bits)};
}

// Bounds that keep the memory of a hostile description small; far above any network for devices.
// Counted in 64 bits, for what is refused may not fit a size_t.
constexpr std::uint64_t kMaxParams = std::uint64_t{1} << 26;
constexpr std::uint64_t kMaxWindowElements = std::uint64_t{1} << 26;  // one sample's windows
constexpr std::uint64_t kMaxActivations = std::uint64_t{1} << 24;  // one sample's values together

// kInvalid with the step's name. params: those before it and its weights.
Result<void> check_size(const Step& s, std::uint64_t fan_in, std::uint64_t params,
                        std::uint64_t activations) {
  const auto too_large = [&](const char* what, std::uint64_t n, std::uint64_t limit) {
    return Error{Errc::kInvalid, "layer '" + s.name + "': " + what + " would take " +
                                     std::to_string(n) + " elements, the limit is " +
                                     std::to_string(limit) + "; make the network smaller"};
  };
  const std::uint64_t windows =
      s.op == Op::kConv2d ? s.out.size() / static_cast<std::size_t>(s.out.c) * fan_in : 0;
  if (windows > kMaxWindowElements) return too_large("its windows", windows, kMaxWindowElements);
  if (params > kMaxParams) return too_large("parameters", params, kMaxParams);
  if (activations > kMaxActivations) {
    return too_large("the values of one sample", activations, kMaxActivations);
  }
  return {};
}

bool is_weighted(Op op) {
  return op == Op::kDense || op == Op::kConv2d || op == Op::kDepthwiseConv2d;
}

// Products that make one output.
std::size_t fan_in_of(const Step& s) {
  if (s.op == Op::kDense) return s.in.size();
  const auto window = static_cast<std::size_t>(s.kernel_h) * static_cast<std::size_t>(s.kernel_w);
  return s.op == Op::kConv2d ? window * static_cast<std::size_t>(s.in.c) : window;
}

// Of layers that can have bits of their own, the first few.
std::string weighted_names(const Graph& g) {
  constexpr int kMost = 12;
  std::string names;
  int count = 0;
  for (const Step& s : g.steps) {
    if (!s.has_weights()) continue;
    if (++count > kMost) return names + ", ...";
    names += (names.empty() ? "" : ", ") + s.name;
  }
  return names;
}

// Bits of single layers, in place of those of their network.
Result<void> set_layer_bits(const std::vector<LayerBits>& layers, Graph& g) {
  const auto in_range = [](int bits) { return bits == 0 || (bits >= 2 && bits <= 8); };
  std::vector<bool> taken(g.steps.size(), false);
  for (const LayerBits& bits : layers) {
    const auto refuse = [&](const std::string& what) {
      return Error{Errc::kInvalid, "quant.layer_bits, layer '" + bits.layer + "': " + what};
    };
    const auto found = std::find_if(g.steps.begin(), g.steps.end(),
                                    [&](const Step& s) { return s.name == bits.layer; });
    if (found == g.steps.end()) {
      return refuse("there is no such layer; those with weights are " + weighted_names(g));
    }
    const auto at = static_cast<std::size_t>(found - g.steps.begin());
    if (taken[at]) return refuse("given twice; give them once");
    taken[at] = true;
    if (!in_range(bits.weight_bits) || !in_range(bits.activation_bits)) {
      return refuse("a layer has 2 to 8 bits; use 4");
    }
    if (bits.weight_bits + bits.activation_bits == 0) return refuse("none given; use 4");
    if (g.quant.is_float()) return refuse("the network is fp32; leave them out");
    if (bits.weight_bits > 0) {
      if (!found->has_weights()) return refuse("it has no weights; leave out bits of weights");
      found->weight_bits = bits.weight_bits;
    }
    if (bits.activation_bits > 0) {
      if (found->activation_scale == kNone) {
        return refuse("its outputs are on no grid of their own; leave out bits of activations");
      }
      found->activation_bits = bits.activation_bits;
    }
  }
  return {};
}

// Adds a step's tensors to the flat parameter vector.
class Layout {
 public:
  explicit Layout(Graph& graph) : graph_(graph) {}

  int add(const Step& step, int step_index, ParamKind kind, const char* suffix, int channels,
          std::size_t size) {
    graph_.params.push_back({.name = step.name + "." + suffix,
                             .kind = kind,
                             .offset = graph_.param_count,
                             .size = size,
                             .channels = channels,
                             .step = step_index});
    graph_.param_count += size;
    if (kind == ParamKind::kWeight || kind == ParamKind::kBias) graph_.weight_count += size;
    return static_cast<int>(graph_.params.size()) - 1;
  }

 private:
  Graph& graph_;
};

// The node that reads `node`, if there is exactly one and it is `op`; else 0.
std::size_t follower(const ModelSpec& spec, std::size_t node, Op op) {
  int readers = 0;
  std::size_t reader = 0;
  for (std::size_t i = 0; i < spec.nodes.size(); ++i) {
    for (const int input : spec.nodes[i].inputs) {
      if (static_cast<std::size_t>(input) != node) continue;
      ++readers;
      reader = i;
    }
  }
  return readers == 1 && spec.nodes[reader].op == op ? reader : 0;
}

}  // namespace

Result<Graph> build_graph(const ModelSpec& spec, const QuantSpec& quant) {
  auto shapes = infer_shapes(spec);
  if (!shapes) return shapes.error();
  if (auto ok = check_bits(quant); !ok) return ok.error();

  Graph g{.spec = spec, .quant = quant};
  std::vector<int> value_of(spec.nodes.size(), 0);
  std::vector<bool> fused(spec.nodes.size(), false);  // what a producer before it does
  for (std::size_t i = 1; i < spec.nodes.size(); ++i) {
    const NodeSpec& n = spec.nodes[i];
    const auto input = static_cast<std::size_t>(n.inputs[0]);
    if (n.op == Op::kFlatten || fused[i]) {
      value_of[i] = value_of[input];
      continue;
    }
    Step s{.op = n.op, .name = n.name};
    for (const int in : n.inputs) s.inputs.push_back(value_of[static_cast<std::size_t>(in)]);
    s.in = (*shapes)[input];
    s.out = (*shapes)[i];
    if (n.op == Op::kConv2d || n.op == Op::kDepthwiseConv2d || n.op == Op::kMaxPool ||
        n.op == Op::kAvgPool) {
      s.kernel_h = n.kernel_h;
      s.kernel_w = n.kernel_w;
      s.stride = n.stride;
      s.padding_h = n.padding_h;
      s.padding_w = n.padding_w;
    }
    std::size_t end = i;  // last node that this step does
    if (const std::size_t norm = follower(spec, i, Op::kBatchNorm); norm != 0) {
      s.batch_norm = true;
      fused[end = norm] = true;
    }
    if (const std::size_t relu = follower(spec, end, Op::kRelu); s.requantizes() && relu != 0) {
      s.relu = true;
      fused[relu] = true;
    }
    g.steps.push_back(std::move(s));
    g.steps.back().output = static_cast<int>(g.steps.size());
    value_of[i] = g.steps.back().output;
  }
  if (g.steps.empty() || value_of.back() != g.steps.back().output) {
    return Error{Errc::kInvalid,
                 "model '" + spec.name + "': its output must be computed by its last layer"};
  }

  int first = kNone, last = kNone;
  for (int i = 0; i < static_cast<int>(g.steps.size()); ++i) {
    const Step& s = g.steps[static_cast<std::size_t>(i)];
    if (!is_weighted(s.op)) continue;
    if (first == kNone) first = i;
    last = i;
  }
  Layout layout(g);
  std::uint64_t activations = spec.input.size();
  for (int i = 0; i < static_cast<int>(g.steps.size()); ++i) {
    Step& s = g.steps[static_cast<std::size_t>(i)];
    std::size_t fan_in = 0;
    activations += s.out.size();
    if (is_weighted(s.op)) {
      fan_in = fan_in_of(s);
      if (fan_in > kernels::kMaxDepth) {
        return Error{Errc::kInvalid, "layer '" + s.name + "': sums " + std::to_string(fan_in) +
                                         " products; more than " +
                                         std::to_string(kernels::kMaxDepth) +
                                         " may overflow 32 bits; pool before it"};
      }
      const auto channels = static_cast<std::size_t>(s.out.c);
      const std::uint64_t params = g.param_count + std::uint64_t{channels} * fan_in;
      if (auto ok = check_size(s, fan_in, params, activations); !ok) return ok.error();
      s.macs = std::uint64_t{s.out.size()} * fan_in;
      g.macs += s.macs;
      s.weight = layout.add(s, i, ParamKind::kWeight, "weight", s.out.c, channels * fan_in);
      s.bias = layout.add(s, i, ParamKind::kBias, "bias", s.out.c, channels);
      if (s.batch_norm) {
        const auto add = [&](ParamKind kind, const char* suffix) {
          return layout.add(s, i, kind, suffix, s.out.c, channels);
        };
        s.gamma = add(ParamKind::kGamma, "gamma");
        s.beta = add(ParamKind::kBeta, "beta");
        s.running_mean = add(ParamKind::kRunningMean, "running_mean");
        s.running_variance = add(ParamKind::kRunningVariance, "running_variance");
      }
      if (!quant.is_float()) {
        s.weight_bits = i == first || i == last ? quant.edge_bits : quant.weight_bits;
        const int scales = quant.tensor_weight_scales ? 1 : s.out.c;
        s.weight_scale = layout.add(s, i, ParamKind::kWeightScale, "weight_scale", scales,
                                    static_cast<std::size_t>(scales));
      }
    }
    if (s.requantizes() && !quant.is_float() && !quant.is_dynamic()) {
      const bool output = i + 1 == static_cast<int>(g.steps.size());
      s.activation_bits = output ? quant.edge_bits : quant.activation_bits;
      s.activation_scale = layout.add(s, i, ParamKind::kActivationScale, "activation_scale", 1, 1);
      if (quant.range_rule == RangeRule::kLsqPlus && !s.relu) {
        s.activation_offset =
            layout.add(s, i, ParamKind::kActivationOffset, "activation_offset", 1, 1);
      }
    }
    if (auto ok = check_size(s, fan_in, g.param_count, activations); !ok) return ok.error();
  }
  if (auto ok = set_layer_bits(quant.layers, g); !ok) return ok.error();
  return g;
}

}  // namespace fedqat
