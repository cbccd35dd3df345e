#include "common/nn/batch_norm.h"

#include <cmath>
#include <vector>

namespace fedqat {

void fold_batch_norm(const Graph& graph, std::span<float> params) {
  const auto values = [&](int index) {
    const ParamTensor& p = graph.params[static_cast<std::size_t>(index)];
    return params.subspan(p.offset, p.size);
  };
  for (const Step& s : graph.steps) {
    if (!s.batch_norm) continue;
    const auto w = values(s.weight), b = values(s.bias);
    const auto gamma = values(s.gamma), beta = values(s.beta);
    const auto mean = values(s.running_mean), variance = values(s.running_variance);
    const std::size_t each = w.size() / b.size();
    for (std::size_t c = 0; c < b.size(); ++c) {
      const float f = gamma[c] / std::sqrt(variance[c] + kBatchNormEpsilon);
      for (float& x : w.subspan(c * each, each)) x *= f;
      b[c] = beta[c] + (b[c] - mean[c]) * f;
    }
  }
}

ModelSpec without_batch_norm(const ModelSpec& spec) {
  ModelSpec left{spec.name, spec.input, spec.classes, {}};
  std::vector<int> place;  // of every node in `left`; of batch_norm: its input's
  for (const NodeSpec& node : spec.nodes) {
    if (node.op == Op::kBatchNorm) {
      place.push_back(place[static_cast<std::size_t>(node.inputs[0])]);
      continue;
    }
    place.push_back(static_cast<int>(left.nodes.size()));
    left.nodes.push_back(node);
    for (int& input : left.nodes.back().inputs) input = place[static_cast<std::size_t>(input)];
  }
  return left;
}

}  // namespace fedqat
