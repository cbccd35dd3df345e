#include "common/nn/packed_model.h"

#include <algorithm>
#include <cmath>

#include "common/base/check.h"
#include "common/kernels/elementwise/elementwise.h"
#include "common/nn/batch_norm.h"
#include "common/nn/integer_ops.h"
#include "common/nn/learnt_scales.h"

namespace fedqat {
namespace {

std::span<const float> param(const Graph& graph, const ModelState& state, int index) {
  const ParamTensor& p = graph.params[static_cast<std::size_t>(index)];
  return std::span<const float>(state.params).subspan(p.offset, p.size);
}

PackedStep pack_linear(const Graph& graph, const ModelState& state, const Step& step,
                       float x_scale) {
  PackedStep packed;
  const auto w = param(graph, state, step.weight);
  const auto bias = param(graph, state, step.bias);
  packed.weight_scales.resize(static_cast<std::size_t>(step.out.c));
  weight_scales(graph, step, state.params, packed.weight_scales);
  packed.weights.resize(w.size());
  std::vector<float> unused(w.size());
  kernels::elementwise().quantize_weights(
      w.data(), step.out.c, static_cast<int>(w.size()) / step.out.c, packed.weight_scales.data(),
      (1 << (step.weight_bits - 1)) - 1, packed.weights.data(), unused.data());
  if (graph.quant.is_dynamic()) {
    packed.float_bias.assign(bias.begin(), bias.end());
    return packed;
  }
  for (std::size_t c = 0; c < bias.size(); ++c) {
    packed.bias.push_back(bias_code(bias[c], x_scale, packed.weight_scales[c]));
  }
  return packed;
}

// Within these no product or quotient of scales overflows or loses bits to underflow.
bool usable(float scale) { return scale >= kMinScale && scale <= kMaxScale; }

Error step_error(const Step& step, const std::string& what) {
  return {Errc::kInvalid, "layer '" + step.name + "': " + what};
}

Result<void> check_float(const Step& step, const PackedStep& p, std::size_t weights) {
  if (p.float_weights.size() != weights ||
      p.float_bias.size() != static_cast<std::size_t>(step.out.c)) {
    return step_error(step, "wrong number of weights or biases");
  }
  const auto finite = [](float x) { return std::isfinite(x); };
  if (!std::all_of(p.float_weights.begin(), p.float_weights.end(), finite) ||
      !std::all_of(p.float_bias.begin(), p.float_bias.end(), finite)) {
    return step_error(step, "a weight or bias is not finite");
  }
  return {};
}

Result<void> check_linear(const Step& step, const PackedStep& p, std::size_t weights,
                          bool dynamic) {
  const auto channels = static_cast<std::size_t>(step.out.c);
  if (p.weights.size() != weights || p.weight_scales.size() != channels ||
      p.bias.size() != (dynamic ? 0 : channels) ||
      p.float_bias.size() != (dynamic ? channels : 0)) {
    return step_error(step, "wrong number of weights, scales or biases");
  }
  const int limit = (1 << (step.weight_bits - 1)) - 1;
  for (const std::int8_t w : p.weights) {
    if (std::abs(w) > limit) {
      return step_error(
          step, "weight code " + std::to_string(w) + " is outside +-" + std::to_string(limit));
    }
  }
  for (const std::int32_t b : p.bias) {
    if (b > 1 << 30 || b < -(1 << 30)) return step_error(step, "a bias is beyond 2^30");
  }
  for (const float b : p.float_bias) {
    if (!std::isfinite(b)) return step_error(step, "a bias is not finite");
  }
  for (const float s : p.weight_scales) {
    if (!usable(s)) return step_error(step, "a weight scale is outside 2^-40..2^40");
  }
  return {};
}

}  // namespace

PackedModel pack_model(const Graph& graph, const ModelState& trained, const InputGrid& input) {
  FEDQAT_CHECK(trained.params.size() == graph.param_count);
  FEDQAT_CHECK(trained.quantized != graph.quant.is_float());
  ModelState state = trained;
  if (!state.quantized) fold_batch_norm(graph, state.params);
  QuantSpec bits{graph.quant.weight_bits, graph.quant.activation_bits, graph.quant.edge_bits};
  bits.layers = graph.quant.layers;
  PackedModel model{
      .spec = without_batch_norm(graph.spec), .quant = bits, .input = input, .steps = {}};
  std::vector<float> scales = {input.scale};  // of values
  for (std::size_t i = 0; i < graph.steps.size(); ++i) {
    const Step& s = graph.steps[i];
    const float x_scale = scales[static_cast<std::size_t>(s.inputs[0])];
    PackedStep packed;
    if (graph.quant.is_float()) {
      if (s.has_weights()) {
        const auto w = param(graph, state, s.weight), b = param(graph, state, s.bias);
        packed.float_weights.assign(w.begin(), w.end());
        packed.float_bias.assign(b.begin(), b.end());
      }
    } else {
      if (s.has_weights()) packed = pack_linear(graph, state, s, x_scale);
      if (s.activation_scale != kNone) {
        packed.activation_scale = activation_scale(graph, s, state.params);
        packed.activation_zero = zero_point(graph, s, state.params, state.zero_points[i]);
      }
    }
    scales.push_back(s.activation_scale == kNone ? x_scale : packed.activation_scale);
    model.steps.push_back(std::move(packed));
  }
  return model;
}

Result<void> validate(const PackedModel& model) {
  auto graph = build_graph(model.spec, model.quant);
  if (!graph) return graph.error();
  if (model.steps.size() != graph->steps.size()) {
    return Error{Errc::kInvalid, "the model has " + std::to_string(model.steps.size()) +
                                     " packed layers, its graph " +
                                     std::to_string(graph->steps.size())};
  }
  for (const NodeSpec& node : model.spec.nodes) {
    if (node.op == Op::kBatchNorm) {
      return Error{Errc::kInvalid, "layer '" + node.name +
                                       "': a deployed model has no batch_norm; export it again, "
                                       "which folds it into the layer before"};
    }
  }
  if (!usable(model.input.scale) || model.input.zero < 0 || model.input.zero > 255) {
    return Error{Errc::kInvalid, "the input's scale or zero point is out of range"};
  }
  for (std::size_t i = 0; i < model.steps.size(); ++i) {
    const Step& s = graph->steps[i];
    const PackedStep& p = model.steps[i];
    const bool own_grid = s.activation_scale != kNone;
    if (own_grid && (!usable(p.activation_scale) || p.activation_zero < 0 ||
                     p.activation_zero > (1 << s.activation_bits) - 1)) {
      return step_error(s, "the activation scale or zero point is out of range");
    }
    if (s.has_weights()) {
      const std::size_t weights = graph->params[static_cast<std::size_t>(s.weight)].size;
      const auto ok = model.quant.is_float()
                          ? check_float(s, p, weights)
                          : check_linear(s, p, weights, model.quant.is_dynamic());
      if (!ok) return ok;
    }
  }
  return {};
}

}  // namespace fedqat
