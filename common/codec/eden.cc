#include "common/codec/eden.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cfloat>
#include <cmath>
#include <cstring>
#include <limits>

#include "common/codec/bit_pack.h"

namespace fedqat {
namespace {

using Block = std::array<float, kMostEdenBlock>;
using Indices = std::array<std::uint8_t, kMostEdenBlock>;

// How many of a block's coordinates have rate.bits.
std::size_t upper(std::size_t block, const EdenRate& rate) {
  const double n = std::floor(static_cast<double>(rate.share) * static_cast<double>(block) + 0.5);
  return std::min(block, static_cast<std::size_t>(n));
}

std::size_t block_bytes(std::size_t block, const EdenRate& rate) {
  const std::size_t high = upper(block, rate);
  return sizeof(float) + packed_size(high, rate.bits) + packed_size(block - high, rate.bits - 1);
}

// Round 0 does not exist, so this is no client's stream of stochastic rounding.
Rng rotation_rng(std::uint32_t seed) {
  return Rng({.seed = seed, .round = 0, .client = 0, .purpose = Purpose::kUplinkRound});
}

void apply_signs(std::span<float> x, Rng& rng) {
  for (std::size_t i = 0; i < x.size(); i += 32) {
    std::uint32_t signs = rng.next_u32();
    for (std::size_t k = i; k < i + 32; ++k, signs >>= 1) {
      if ((signs & 1) != 0) x[k] = -x[k];
    }
  }
}

// Walsh-Hadamard transform, in place, not normalized.
void hadamard(std::span<float> x) {
  for (std::size_t half = 1; half < x.size(); half *= 2) {
    for (std::size_t i = 0; i < x.size(); i += 2 * half) {
      for (std::size_t k = i; k < i + half; ++k) {
        const float a = x[k], b = x[k + half];
        x[k] = a + b;
        x[k + half] = a - b;
      }
    }
  }
}

// Index of the centroid next to t: its place among the positive ones, and the sign above.
std::uint8_t index_of(float t, std::span<const float> centroids) {
  const float size = std::abs(t);
  std::size_t low = 0, high = centroids.size() - 1;
  while (low < high) {
    const std::size_t mid = (low + high) / 2;
    if (size > (centroids[mid] + centroids[mid + 1]) / 2) {
      low = mid + 1;
    } else {
      high = mid;
    }
  }
  return static_cast<std::uint8_t>(low + (t < 0 ? centroids.size() : 0));
}

float centroid(std::uint8_t index, std::span<const float> centroids) {
  const std::size_t n = centroids.size();
  return index < n ? centroids[index] : -centroids[index - n];
}

// Quantizes rotated coordinates y and appends their indices; returns <c, y>.
double quantize(std::span<const float> y, float inverse_norm, int bits, Bytes& out) {
  if (bits == 0) return 0;
  Indices indices;
  const auto centroids = eden_centroids(bits);
  double dot = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    indices[i] = index_of(y[i] * inverse_norm, centroids);
    dot += static_cast<double>(centroid(indices[i], centroids)) * static_cast<double>(y[i]);
  }
  pack_indices(std::span(indices).first(y.size()), bits, out);
  return dot;
}

void dequantize(ByteView bytes, int bits, std::span<float> y) {
  if (bits == 0) return std::fill(y.begin(), y.end(), 0.0F);
  Indices indices;
  const auto centroids = eden_centroids(bits);
  unpack_indices(bytes, bits, std::span(indices).first(y.size()));
  for (std::size_t i = 0; i < y.size(); ++i) y[i] = centroid(indices[i], centroids);
}

float scale_of(ByteView bytes) {
  float scale = 0;
  std::memcpy(&scale, bytes.data(), sizeof scale);
  return scale;
}

void encode_block(std::span<float> x, const EdenRate& rate, float limit, Rng& signs, Bytes& out) {
  double power = 0;
  for (const float v : x) power += static_cast<double>(v) * static_cast<double>(v);
  apply_signs(x, signs);
  hadamard(x);
  const float inverse_norm = power > 0 ? static_cast<float>(1 / std::sqrt(power)) : 0.0F;
  const std::size_t at = out.size(), high = upper(x.size(), rate);
  out.resize(at + sizeof(float));
  double dot = quantize(x.first(high), inverse_norm, rate.bits, out);
  dot += quantize(x.subspan(high), inverse_norm, rate.bits - 1, out);
  const double exact = dot > 0 ? std::min(power / dot, static_cast<double>(limit)) : 0;
  const auto scale = exact < FLT_MIN ? 0.0F : static_cast<float>(exact);
  std::memcpy(out.data() + at, &scale, sizeof scale);
}

// visit(its bytes, elements before it, elements in it, its size with zeros)
template <class Visit>
void for_each_block(std::size_t n, Visit visit) {
  for (std::size_t i = 0; i < n;) {
    const std::size_t block = eden_block(n - i), used = std::min(block, n - i);
    visit(i, used, block);
    i += used;
  }
}

}  // namespace

std::size_t eden_block(std::size_t left) {
  return std::clamp(std::bit_floor(left), kLeastEdenBlock, kMostEdenBlock);
}

std::size_t eden_size(std::size_t n, const EdenRate& rate) {
  if (n == 0) return 0;
  std::size_t bytes =
      sizeof(std::uint32_t) + n / kMostEdenBlock * block_bytes(kMostEdenBlock, rate);
  for_each_block(n % kMostEdenBlock, [&](std::size_t, std::size_t, std::size_t block) {
    bytes += block_bytes(block, rate);
  });
  return bytes;
}

std::uint64_t encode_eden(std::span<const float> x, const EdenRate& rate, float limit, Rng& rng,
                          Bytes& out) {
  if (x.empty()) return 0;
  const std::uint32_t seed = rng.next_u32();
  const std::size_t at = out.size();
  out.resize(at + sizeof seed);
  std::memcpy(out.data() + at, &seed, sizeof seed);
  Rng signs = rotation_rng(seed);
  std::uint64_t clipped = 0;
  Block buffer;
  for_each_block(x.size(), [&](std::size_t first, std::size_t used, std::size_t block) {
    for (std::size_t i = 0; i < block; ++i) {
      const float v = i < used ? x[first + i] : 0.0F;
      clipped += std::abs(v) > limit ? 1 : 0;
      buffer[i] = std::clamp(v, -limit, limit);
    }
    encode_block(std::span(buffer).first(block), rate, limit, signs, out);
  });
  return clipped;
}

float greatest_eden_scale(ByteView bytes, std::size_t n, const EdenRate& rate, float limit) {
  if (n == 0) return 0;
  bool ok = true;
  float top = 0;
  std::size_t at = sizeof(std::uint32_t);
  for_each_block(n, [&](std::size_t, std::size_t, std::size_t block) {
    const std::size_t high = upper(block, rate), split = packed_size(high, rate.bits);
    const ByteView part = bytes.subspan(at, block_bytes(block, rate));
    const ByteView codes = part.subspan(sizeof(float));
    at += part.size();
    const float scale = scale_of(part);
    ok = ok && scale <= limit && !std::signbit(scale) &&
         packed_size_is_valid(codes.first(split), high, rate.bits) &&
         packed_size_is_valid(codes.subspan(split), block - high, rate.bits - 1);
    top = std::max(top, scale);
  });
  return ok ? top : std::numeric_limits<float>::quiet_NaN();
}

void decode_eden(ByteView bytes, const EdenRate& rate, float limit, std::span<float> x) {
  if (x.empty()) return;
  std::uint32_t seed = 0;
  std::memcpy(&seed, bytes.data(), sizeof seed);
  Rng signs = rotation_rng(seed);
  std::size_t at = sizeof seed;
  Block buffer;
  for_each_block(x.size(), [&](std::size_t first, std::size_t used, std::size_t block) {
    const std::size_t high = upper(block, rate);
    const ByteView part = bytes.subspan(at, block_bytes(block, rate));
    const ByteView codes = part.subspan(sizeof(float));
    at += part.size();
    const std::span<float> y = std::span(buffer).first(block);
    dequantize(codes, rate.bits, y.first(high));
    dequantize(codes.subspan(packed_size(high, rate.bits)), rate.bits - 1, y.subspan(high));
    hadamard(y);
    apply_signs(y, signs);
    const float scale = scale_of(part);
    for (std::size_t i = 0; i < used; ++i) x[first + i] = std::clamp(scale * y[i], -limit, limit);
  });
}

}  // namespace fedqat
