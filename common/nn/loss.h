// Softmax cross-entropy over logits [n, classes].
#pragma once

#include <cstdint>
#include <span>

namespace fedqat {

struct BatchStats {
  double loss = 0;  // summed over the batch
  int correct = 0;  // the first of equal logits wins
};

// dlogits, where not empty, becomes the gradient of the mean loss: (softmax - onehot) / n.
BatchStats softmax_cross_entropy(std::span<const float> logits, const std::uint8_t* labels, int n,
                                 std::span<float> dlogits);

}  // namespace fedqat
