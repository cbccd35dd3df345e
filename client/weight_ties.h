// Weight sharing on a client: weights that came with one value keep one value.
#pragma once

#include <span>
#include <vector>

#include "common/nn/graph.h"
#include "common/quant/weight_sharing.h"

namespace fedqat {

// Not thread-safe.
class WeightTies {
 public:
  // Ties the equal weights of each tensor of `params`, whose weights take at most kMaxCodebook
  // values; a tensor that takes more is shared first, as the coordinator would.
  WeightTies(const Graph& graph, std::span<const float> params, int entries);

  // The gradient of an entry is the sum of its weights' gradients [Han16]; each weight gets it
  // divided by their number, so that entries of many weights and of few learn at one rate.
  void tie(std::span<float> grads) const;

 private:
  struct Tensor {
    std::size_t offset;
    SharedWeights shared;
  };
  std::vector<Tensor> tensors_;
};

}  // namespace fedqat
