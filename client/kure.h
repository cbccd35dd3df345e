// KURE [Shkolnik20]: makes the weights of a layer uniform, so that rounding them with a step that
// training did not know costs little.
#pragma once

#include <span>
#include <vector>

#include "common/nn/graph.h"

namespace fedqat {

inline constexpr double kUniformKurtosis = 1.8;

// Adds to the loss weight / L * sum over the L weight tensors of (K - 1.8)^2, where, over a
// tensor's n weights with mean m and deviation d, z = (w - m) / d and K = mean z^4. Its gradient:
//   2 weight / L * (K - 1.8) * 4 / (n d) * (z^3 - mean z^3 - K z)
// Moments are binary64 sums in the order of the weights. Tensors of equal weights have none.
class Kure {
 public:
  Kure(const Graph& graph, double weight);  // graph must outlive this

  // Moments of params, all of the graph's. Once a step, before any weight moves.
  void measure(std::span<const float> params);
  // Adds to the gradient of elements first .. first + gradient.size() - 1 of graph.params[param],
  // which are still what measure() saw. Nothing but weights gets any.
  void add(int param, std::size_t first, std::span<const float> params,
           std::span<float> gradient) const;

 private:
  struct Moments {
    double mean = 0, deviation = 0, third = 0, fourth = 0;  // third, fourth: of z
  };
  const Graph& graph_;
  double weight_ = 0;             // 2 weight / L
  std::vector<Moments> moments_;  // [params]
};

}  // namespace fedqat
