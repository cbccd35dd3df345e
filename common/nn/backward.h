// How gradients of quantized layers are computed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace fedqat {

// On the wire: never renumbered.
enum class Backward : std::uint8_t {
  kFloat = 0,  // fp32
  kInt8 = 1,   // Dense and Conv2D in integers, docs/numerics.md
};

// What the rounding of int8 gradients is drawn from: a batch has the same bits wherever and
// whenever it is computed.
struct BatchKey {
  std::uint64_t seed = 0;
  std::uint32_t round = 0;
  std::uint32_t client = 0;
  std::uint32_t batch = 0;  // of the client in the round, from 0
};

// Takes gradients of a batch's mean loss as soon as they are known, each once.
class GradientSink {
 public:
  virtual ~GradientSink() = default;
  // Of elements first .. first + gradient.size() - 1 of Graph::params[param]. The parameters may be
  // changed at once, and so may `gradient`: the pass reads them no more. A network with several
  // threads calls this from all of them, for different elements.
  virtual void take(int param, std::size_t first, std::span<float> gradient) = 0;
};

}  // namespace fedqat
