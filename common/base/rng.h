// Counter-based randomness: a stream is a pure function of its key, so results depend neither on
// threads nor on the order in which clients run. Philox4x32-10 [Salmon11].
#pragma once

#include <array>
#include <cstdint>

namespace fedqat {

// One Philox4x32-10 block: 128 bits of output for a 128-bit counter under a 64-bit key.
std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key);

// What a stream is for. Values are part of the reproducible result: never reused, never renumbered.
enum class Purpose : std::uint32_t {
  kInit = 1,           // first weights
  kShuffle = 2,        // order of a client's samples
  kSample = 3,         // which clients take part in a round
  kUplinkRound = 4,    // stochastic rounding of updates
  kDownlink = 5,       // rotations of what the coordinator sends
  kPartition = 6,      // which samples a client holds
  kScenario = 7,       // simulated speeds and drop-outs
  kSplit = 8,          // train/test split of a data set that has none
  kTest = 9,           // tests
  kGradientRound = 10  // stochastic rounding of int8 gradients
};

struct RngKey {
  std::uint64_t seed = 0;
  std::uint32_t round = 0;
  std::uint32_t client = 0;
  Purpose purpose = Purpose::kTest;
};

// A stream of 2^34 words. Not thread-safe; copy it to fork it at the same place.
class Rng {
 public:
  explicit Rng(const RngKey& key);

  std::uint32_t next_u32();
  std::uint64_t next_u64();
  float uniform();                       // [0, 1), a multiple of 2^-24
  double uniform_double();               // [0, 1), a multiple of 2^-53
  std::uint32_t below(std::uint32_t n);  // [0, n), unbiased [Lemire19]; n >= 1
  double normal();                       // mean 0, variance 1 (Marsaglia's polar method)
  double gamma(double shape);            // scale 1, shape > 0 [MarsagliaTsang00]

 private:
  std::array<std::uint32_t, 2> key_;
  std::array<std::uint32_t, 4> counter_;
  std::array<std::uint32_t, 4> block_{};
  int used_ = 4;
  double spare_ = 0;
  bool has_spare_ = false;
};

// Fisher-Yates in place; `v` is any random-access container.
template <class Container>
void shuffle(Container& v, Rng& rng) {
  for (std::size_t i = v.size(); i > 1; --i) {
    using std::swap;
    swap(v[i - 1], v[rng.below(static_cast<std::uint32_t>(i))]);
  }
}

}  // namespace fedqat
