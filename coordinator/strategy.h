// How the mean update of a round moves the global model.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "common/base/result.h"
#include "common/nn/graph.h"
#include "common/wire/config.pb.h"

namespace fedqat {

// A server optimizer [Reddi21]: the mean update d is its negative gradient. Arithmetic is binary32,
// element by element, in the order of the formula, with +, -, *, / and sqrt only.
class Strategy {
 public:
  virtual ~Strategy() = default;
  virtual void apply(std::span<float> params, std::span<const float> mean) = 0;
  // What a restarted coordinator has to restore besides the model.
  virtual std::vector<std::span<float>> state() { return {}; }
};

// fedavg, fedprox: w += lr d (fedprox differs on the clients)
// fedavgm:         m = momentum m + d;  w += lr m
// fedadam:         m = b1 m + (1 - b1) d;  v = b2 v + (1 - b2) d^2;  w += lr m / (sqrt(v) + tau)
// kInvalid: an unknown name.
Result<std::unique_ptr<Strategy>> make_strategy(const wire::ServerConfig& config,
                                                std::size_t params);

// A whole commit: weights, biases, gamma and beta by `strategy`; running statistics by the plain
// mean of the clients' changes; log2 scales by the plain mean of the clients'
// changes, at most kMaxScaleMove a round (averaging log2 scales is fine for small moves only).
inline constexpr float kMaxScaleMove = 0.25F;
void apply_mean(const Graph& graph, Strategy& strategy, std::vector<float> mean,
                std::span<float> params);

}  // namespace fedqat
