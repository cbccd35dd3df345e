#include "coordinator/codebooks.h"

namespace fedqat {

void share_all_weights(const Graph& graph, int entries, Spacing spacing, std::span<float> params) {
  for (const ParamTensor& p : graph.params) {
    if (p.kind != ParamKind::kWeight) continue;
    const auto weights = params.subspan(p.offset, p.size);
    expand(share_weights(weights, codebook_size(p.size, entries), spacing), weights);
  }
}

}  // namespace fedqat
