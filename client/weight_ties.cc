#include "client/weight_ties.h"

namespace fedqat {

WeightTies::WeightTies(const Graph& graph, std::span<const float> params, int entries) {
  for (const ParamTensor& p : graph.params) {
    if (p.kind != ParamKind::kWeight) continue;
    tensors_.push_back({p.offset, share_weights(params.subspan(p.offset, p.size),
                                                codebook_size(p.size, entries), Spacing::kEven)});
  }
}

void WeightTies::tie(std::span<float> grads) const {
  for (const Tensor& t : tensors_) {
    mean_shared(t.shared, grads.subspan(t.offset, t.shared.indices.size()));
  }
}

}  // namespace fedqat
