#include "common/codec/dither.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "common/codec/bit_pack.h"
#include "common/codec/coded_values.h"

namespace fedqat {
namespace {

constexpr int kHalf = kDitherParts / 2;

std::size_t head_size(const DitherRate& rate) {
  return sizeof(std::uint32_t) + (rate.step == 0 ? sizeof(float) : 0);
}

template <class T>
void put(T value, Bytes& out) {
  const std::size_t at = out.size();
  out.resize(at + sizeof value);
  std::memcpy(out.data() + at, &value, sizeof value);
}

double own_step(float range, int bits) { return static_cast<double>(range) / max_code(bits); }

// k of each value, four of a word.
class Noise {
 public:
  // Round 0 does not exist, so this is no client's stream of stochastic rounding.
  explicit Noise(std::uint32_t seed)
      : rng_({.seed = seed, .round = 0, .client = 0, .purpose = Purpose::kUplinkRound}) {}
  int next() {
    if (left_ == 0) word_ = rng_.next_u32();
    left_ = (left_ + 3) % 4;
    const int k = static_cast<int>(word_ % kDitherParts) - kHalf;
    word_ >>= 8;
    return k;
  }

 private:
  Rng rng_;
  std::uint32_t word_ = 0;
  int left_ = 0;
};

}  // namespace

std::size_t most_dither_size(std::size_t n, const DitherRate& rate) {
  return n == 0 ? 0 : head_size(rate) + most_coded_size(n, rate.bits);
}

std::optional<std::size_t> dither_size(ByteView bytes, std::size_t n, const DitherRate& rate) {
  if (n == 0) return 0;
  const std::size_t head = head_size(rate);
  if (bytes.size() < head) return std::nullopt;
  const auto codes = coded_size(bytes.subspan(head), n, rate.bits);
  if (!codes) return std::nullopt;
  return head + *codes;
}

std::uint64_t encode_dither(std::span<const float> x, const DitherRate& rate, float limit, Rng& rng,
                            Bytes& out) {
  if (x.empty()) return 0;
  const double top = max_code(rate.bits);
  double step = static_cast<double>(rate.step);
  double most = step * top;
  if (rate.step == 0) {
    float range = 0;
    for (const float v : x) range = std::max(range, std::abs(v));
    range = std::min(range, limit);
    put(range, out);
    most = static_cast<double>(range);
    step = own_step(range, rate.bits);
  }
  const std::uint32_t seed = rng.next_u32();
  put(seed, out);
  Noise noise(seed);
  std::uint64_t clipped = 0;
  std::vector<std::int16_t> codes(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto v = static_cast<double>(x[i]);
    clipped += std::abs(v) > most ? 1 : 0;
    const double parts = step > 0 ? std::clamp(v / step, -top, top) * kDitherParts : 0;
    const double low = std::floor(parts);
    const bool up = static_cast<double>(rng.uniform()) < parts - low;
    const int moved = static_cast<int>(low) + (up ? 1 : 0) + noise.next() + kHalf;
    codes[i] = static_cast<std::int16_t>(moved >> 7);  // rounded down
  }
  static_assert(kDitherParts == 1 << 7);
  put_coded(codes, rate.bits, out);
  return clipped;
}

bool decode_dither(ByteView bytes, const DitherRate& rate, float limit,
                   std::span<std::int16_t> units) {
  if (units.empty()) return true;
  const std::size_t head = head_size(rate);
  if (!take_coded(bytes.subspan(head), rate.bits, units)) return false;
  if (rate.step == 0) {
    const float range = dither_range(bytes);
    // The greatest value has a code next to the greatest.
    if (!(range >= 0 && range <= limit) || std::signbit(range)) return false;
    if (range > 0 && greatest_magnitude(units) < max_code(rate.bits) - 1) return false;
  }
  std::uint32_t seed = 0;
  std::memcpy(&seed, bytes.data() + head - sizeof seed, sizeof seed);
  Noise noise(seed);
  for (std::int16_t& z : units) {
    z = static_cast<std::int16_t>(kDitherUnits * z - 2 * noise.next() - 1);
  }
  return true;
}

int dither_code(std::int16_t units) { return (units + kDitherParts) >> 8; }

float dither_range(ByteView bytes) {
  float range = 0;
  std::memcpy(&range, bytes.data(), sizeof range);
  return range;
}

double dither_step(ByteView bytes, const DitherRate& rate) {
  return rate.step == 0 ? own_step(dither_range(bytes), rate.bits) : static_cast<double>(rate.step);
}

}  // namespace fedqat
