#include "common/base/rng.h"

#include <cmath>

#include "common/base/check.h"
#include "common/base/exact_math.h"

namespace fedqat {

std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> c,
                                        std::array<std::uint32_t, 2> k) {
  // Multipliers and Weyl constants of [Salmon11], table 2 and section 3.3.
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53} * c[0];
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57} * c[2];
    c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ k[0], static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ k[1], static_cast<std::uint32_t>(p0)};
    k[0] += 0x9E3779B9;
    k[1] += 0xBB67AE85;
  }
  return c;
}

Rng::Rng(const RngKey& key)
    : key_{static_cast<std::uint32_t>(key.seed), static_cast<std::uint32_t>(key.seed >> 32)},
      counter_{0, key.round, key.client, static_cast<std::uint32_t>(key.purpose)} {}

std::uint32_t Rng::next_u32() {
  if (used_ == 4) {
    block_ = philox4x32(counter_, key_);
    ++counter_[0];
    used_ = 0;
  }
  return block_[static_cast<std::size_t>(used_++)];
}

std::uint64_t Rng::next_u64() {
  const std::uint64_t high = next_u32();
  return high << 32 | next_u32();
}

float Rng::uniform() { return static_cast<float>(next_u32() >> 8) * 0x1p-24F; }

double Rng::uniform_double() { return static_cast<double>(next_u64() >> 11) * 0x1p-53; }

std::uint32_t Rng::below(std::uint32_t n) {
  FEDQAT_DCHECK(n >= 1);
  std::uint64_t product = std::uint64_t{next_u32()} * n;
  const std::uint32_t threshold = (0U - n) % n;
  while (static_cast<std::uint32_t>(product) < threshold) {
    product = std::uint64_t{next_u32()} * n;
  }
  return static_cast<std::uint32_t>(product >> 32);
}

double Rng::normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  double u = 0, v = 0, s = 0;
  do {
    u = 2 * uniform_double() - 1;
    v = 2 * uniform_double() - 1;
    s = u * u + v * v;
  } while (s >= 1 || s == 0);
  const double f = std::sqrt(-2 * exact_log(s) / s);
  spare_ = v * f;
  has_spare_ = true;
  return u * f;
}

double Rng::gamma(double shape) {
  FEDQAT_CHECK(shape > 0);
  // Below 1 draw at shape + 1 and scale by u^(1/shape) (same paper, section 6).
  const double boost = shape < 1 ? exact_exp(exact_log(1 - uniform_double()) / shape) : 1;
  const double d = (shape < 1 ? shape + 1 : shape) - 1.0 / 3;
  const double c = 1 / std::sqrt(9 * d);
  while (true) {
    const double x = normal();
    const double t = 1 + c * x;
    if (t <= 0) continue;
    const double v = t * t * t;
    const double u = 1 - uniform_double();
    if (exact_log(u) < 0.5 * x * x + d - d * v + d * exact_log(v)) return d * v * boost;
  }
}

}  // namespace fedqat
