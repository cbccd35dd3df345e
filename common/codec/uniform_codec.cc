// kUniform with 1 to 16 bits.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "common/codec/bit_pack.h"
#include "common/codec/tensor_codec.h"

namespace fedqat {
namespace {

// Stochastic rounding: floor(x) + [u < x - floor(x)], E = x. In double, so that the fraction is
// exact to 2^-24, the resolution of u, at every width.
std::int16_t round_stochastic(double x, float u) {
  const double low = std::floor(x);
  return static_cast<std::int16_t>(static_cast<int>(low) + (u < x - low ? 1 : 0));
}

// code = 1 with probability (1 + x) / 2, else -1: E = x.
std::int16_t round_sign(double x, float u) {
  return static_cast<double>(u) < (1 + x) / 2 ? std::int16_t{1} : std::int16_t{-1};
}

void pack_signs(std::span<const std::int16_t> codes, Bytes& out) {
  std::vector<std::uint8_t> indices(codes.size());
  for (std::size_t i = 0; i < codes.size(); ++i) indices[i] = codes[i] > 0 ? 1 : 0;
  pack_indices(indices, 1, out);
}

const char* fault(const TensorGrid& grid) {
  if (grid.bits < 1 || grid.bits > kMaxCodeBits) return "0 to 16 bits or 32 can be sent";
  if (!std::isfinite(grid.step) || !(grid.step > 0)) return "step is not a positive number";
  return nullptr;
}

PayloadSize bounds(const TensorGrid& grid) {
  const std::size_t size = packed_size(grid.size, grid.bits);
  return {size, size};
}

std::optional<std::size_t> size(const TensorGrid& grid, ByteView bytes) {
  const std::size_t size = packed_size(grid.size, grid.bits);
  if (size > bytes.size()) return std::nullopt;
  return size;
}

EncodedTensor encode(const TensorGrid& grid, std::span<const float> values, float top, Rng& rng,
                     Bytes& out) {
  const double end = max_update_code(grid.bits);
  const double step = grid.step;
  EncodedTensor encoded{0, top};
  std::vector<std::int16_t> codes(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double x = static_cast<double>(values[i]) / step;
    encoded.clipped += std::abs(x) > end ? 1 : 0;
    const double inside = std::clamp(x, -end, end);
    codes[i] = grid.bits == 1 ? round_sign(inside, rng.uniform())
                              : round_stochastic(inside, rng.uniform());
  }
  if (grid.bits == 1) {
    pack_signs(codes, out);
  } else {
    pack_codes(codes, grid.bits, out);
  }
  return encoded;
}

float greatest(const TensorGrid& grid, ByteView bytes) {
  constexpr float kNone = std::numeric_limits<float>::quiet_NaN();
  if (!packed_size_is_valid(bytes, grid.size, grid.bits)) return kNone;
  if (grid.bits == 1) return grid.size > 0 ? 1 : 0;
  const int top = greatest_code(bytes, grid.size, grid.bits);
  return top <= max_update_code(grid.bits) ? static_cast<float>(top) : kNone;
}

void decode(const TensorGrid& grid, ByteView bytes, std::span<float> values) {
  std::vector<std::int16_t> codes(values.size());
  unpack_update(grid, bytes, 0, codes);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = grid.step * static_cast<float>(codes[i]);
  }
}

}  // namespace

const TensorCodec kUniformCodec = {fault, bounds, size, encode, greatest, decode};

}  // namespace fedqat
