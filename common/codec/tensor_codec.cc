#include "common/codec/tensor_codec.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <vector>

#include "common/base/check.h"
#include "common/codec/bit_pack.h"
#include "common/codec/coded_values.h"
#include "common/codec/dither.h"
#include "common/codec/eden.h"
#include "common/codec/sparse.h"

namespace fedqat {

static_assert(std::endian::native == std::endian::little, "floats travel as they are in memory");

namespace {

using Size = std::optional<std::size_t>;

constexpr float kNoValue = std::numeric_limits<float>::quiet_NaN();

float within_limit(float greatest) { return greatest <= kFixedLimit ? greatest : kNoValue; }

bool has_share(const TensorGrid& grid) { return grid.share > 0 && grid.share <= 1; }

bool has_coded_bits(const TensorGrid& grid) {
  return grid.bits >= kMinCodeBits && grid.bits <= kMaxCodedBits;
}

const TensorCodec kNothing = {
    [](const TensorGrid&) -> const char* { return nullptr; },
    [](const TensorGrid&) { return PayloadSize{}; },
    [](const TensorGrid&, ByteView) { return Size(0); },
    [](const TensorGrid&, std::span<const float>, float top, Rng&, Bytes&) {
      return EncodedTensor{0, top};
    },
    [](const TensorGrid&, ByteView) { return 0.0F; },
    [](const TensorGrid&, ByteView, std::span<float> values) {
      std::fill(values.begin(), values.end(), 0.0F);
    }};

// ---- binary32

EncodedTensor encode_floats(const TensorGrid&, std::span<const float> values, float top, Rng&,
                            Bytes& out) {
  EncodedTensor encoded{0, top};
  const std::size_t at = out.size();
  out.resize(at + values.size_bytes());
  for (std::size_t i = 0; i < values.size(); ++i) {
    encoded.clipped += std::abs(values[i]) > kFixedLimit ? 1 : 0;
    const float value = std::clamp(values[i], -kFixedLimit, kFixedLimit);
    std::memcpy(out.data() + at + i * sizeof(float), &value, sizeof value);
  }
  return encoded;
}

// Magnitudes of floats compare like their bits; NaN is greater than all.
float greatest_float(const TensorGrid&, ByteView bytes) {
  std::uint32_t top = 0;
  for (std::size_t i = 0; i < bytes.size(); i += sizeof(float)) {
    std::uint32_t value = 0;
    std::memcpy(&value, bytes.data() + i, sizeof value);
    top = std::max(top, value & 0x7fffffffU);
  }
  return within_limit(std::bit_cast<float>(top));
}

const TensorCodec kFloats = {
    [](const TensorGrid&) -> const char* { return nullptr; },
    [](const TensorGrid& g) {
      return PayloadSize{g.size * sizeof(float), g.size * sizeof(float)};
    },
    [](const TensorGrid& g, ByteView bytes) {
      return g.size > bytes.size() / sizeof(float) ? Size() : Size(g.size * sizeof(float));
    },
    encode_floats,
    greatest_float,
    [](const TensorGrid&, ByteView bytes, std::span<float> values) {
      if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
    }};

// ---- EDEN

EdenRate eden_of(const TensorGrid& grid) { return {grid.bits, grid.share}; }

float greatest_eden(const TensorGrid& grid, ByteView bytes) {
  return within_limit(greatest_eden_scale(bytes, grid.size, eden_of(grid), kFixedLimit));
}

const TensorCodec kEden = {
    [](const TensorGrid& g) -> const char* {
      const bool ok = g.bits >= 1 && g.bits <= kMaxEdenBits && has_share(g);
      return ok ? nullptr : "EDEN has 1 to 8 bits for a share in (0, 1]";
    },
    [](const TensorGrid& g) {
      const std::size_t size = eden_size(g.size, eden_of(g));
      return PayloadSize{size, size};
    },
    [](const TensorGrid& g, ByteView bytes) {
      const std::size_t size = eden_size(g.size, eden_of(g));
      return size > bytes.size() ? Size() : Size(size);
    },
    [](const TensorGrid& g, std::span<const float> values, float, Rng& rng, Bytes& out) {
      const std::size_t at = out.size();
      const std::uint64_t clipped = encode_eden(values, eden_of(g), kFixedLimit, rng, out);
      return EncodedTensor{clipped, greatest_eden(g, ByteView(out).subspan(at))};
    },
    greatest_eden,
    [](const TensorGrid& g, ByteView bytes, std::span<float> values) {
      decode_eden(bytes, eden_of(g), kFixedLimit, values);
    }};

// ---- dither

DitherRate dither_of(const TensorGrid& grid) { return {grid.bits, grid.step}; }

float greatest_dither(const TensorGrid& grid, ByteView bytes) {
  std::vector<std::int16_t> units(grid.size);
  if (!decode_dither(bytes, dither_of(grid), kFixedLimit, units)) return kNoValue;
  if (grid.size == 0) return 0;
  if (grid.step == 0) return dither_range(bytes);
  int top = 0;
  for (const std::int16_t u : units) top = std::max(top, std::abs(dither_code(u)));
  return static_cast<float>(top);
}

void decode_dithered(const TensorGrid& grid, ByteView bytes, std::span<float> values) {
  if (values.empty()) return;
  std::vector<std::int16_t> units(values.size());
  decode_codes(grid, bytes, units);
  const double one = dither_step(bytes, dither_of(grid)) / kDitherUnits;
  for (std::size_t i = 0; i < units.size(); ++i) {
    values[i] = std::clamp(static_cast<float>(one * units[i]), -kFixedLimit, kFixedLimit);
  }
}

const TensorCodec kDither = {
    [](const TensorGrid& g) -> const char* {
      const bool ok = has_coded_bits(g) && std::isfinite(g.step) && g.step >= 0;
      return ok ? nullptr : "dither has 2 to 8 bits and a step that is not negative";
    },
    [](const TensorGrid& g) {
      return PayloadSize{0, most_dither_size(g.size, dither_of(g))};
    },
    [](const TensorGrid& g, ByteView bytes) { return dither_size(bytes, g.size, dither_of(g)); },
    [](const TensorGrid& g, std::span<const float> values, float top, Rng& rng, Bytes& out) {
      const float max_abs = g.step == 0 ? std::min(top, kFixedLimit) : top;
      return EncodedTensor{encode_dither(values, dither_of(g), kFixedLimit, rng, out), max_abs};
    },
    greatest_dither,
    decode_dithered};

// ---- top-k

SparseRate sparse_of(const TensorGrid& grid) { return {grid.bits, grid.share}; }

float greatest_sparse(const TensorGrid& grid, ByteView bytes) {
  std::vector<float> values(grid.size);
  if (!decode_sparse(bytes, sparse_of(grid), kFixedLimit, values)) return kNoValue;
  return grid.size == 0 ? 0 : sparse_range(bytes);
}

const TensorCodec kSparse = {
    [](const TensorGrid& g) -> const char* {
      return has_coded_bits(g) && has_share(g) ? nullptr
                                               : "top-k has 2 to 8 bits for a share in (0, 1]";
    },
    [](const TensorGrid& g) {
      return PayloadSize{0, most_sparse_size(g.size, sparse_of(g))};
    },
    [](const TensorGrid& g, ByteView bytes) { return sparse_size(bytes, g.size, sparse_of(g)); },
    [](const TensorGrid& g, std::span<const float> values, float, Rng&, Bytes& out) {
      const std::size_t at = out.size();
      const std::uint64_t clipped = encode_sparse(values, sparse_of(g), kFixedLimit, out);
      return EncodedTensor{clipped, values.empty() ? 0 : sparse_range(ByteView(out).subspan(at))};
    },
    greatest_sparse,
    [](const TensorGrid& g, ByteView bytes, std::span<float> values) {
      FEDQAT_CHECK(decode_sparse(bytes, sparse_of(g), kFixedLimit, values));
    }};

}  // namespace

const TensorCodec& tensor_codec(const TensorGrid& grid) {
  switch (grid.codec) {
    case UpdateCodec::kEden:
      return kEden;
    case UpdateCodec::kDither:
      return kDither;
    case UpdateCodec::kSparse:
      return kSparse;
    case UpdateCodec::kUniform:
      break;
  }
  if (grid.bits == kNotSentBits) return kNothing;
  return grid.bits == kFloatUpdateBits ? kFloats : kUniformCodec;
}

void decode_codes(const TensorGrid& grid, ByteView bytes, std::span<std::int16_t> codes) {
  FEDQAT_CHECK(decode_dither(bytes, dither_of(grid), kFixedLimit, codes));
}

}  // namespace fedqat
