#include "common/codec/update_codec.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "common/base/check.h"
#include "common/codec/bit_pack.h"
#include "common/codec/coded_values.h"
#include "common/codec/dither.h"
#include "common/codec/eden.h"
#include "common/codec/sparse.h"

namespace fedqat {

static_assert(std::endian::native == std::endian::little, "floats travel as they are in memory");

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

EdenRate rate_of(const TensorGrid& grid) { return {grid.bits, grid.share}; }
DitherRate dither_of(const TensorGrid& grid) { return {grid.bits, grid.step}; }
SparseRate sparse_of(const TensorGrid& grid) { return {grid.bits, grid.share}; }

// Of a tensor that always takes the same bytes.
std::size_t fixed_size(const TensorGrid& tensor) {
  return tensor.codec == UpdateCodec::kEden ? eden_size(tensor.size, rate_of(tensor))
                                            : packed_size(tensor.size, tensor.bits);
}

// As greatest_values(); NaN for what is not the codec's.
float greatest_dither(const TensorGrid& grid, ByteView bytes) {
  std::vector<std::int16_t> units(grid.size);
  if (!decode_dither(bytes, dither_of(grid), kFixedLimit, units)) {
    return std::numeric_limits<float>::quiet_NaN();
  }
  if (grid.size == 0) return 0;
  if (grid.step == 0) return dither_range(bytes);
  int top = 0;
  for (const std::int16_t u : units) top = std::max(top, std::abs(dither_code(u)));
  return static_cast<float>(top);
}

float greatest_sparse(const TensorGrid& grid, ByteView bytes) {
  std::vector<float> values(grid.size);
  if (!decode_sparse(bytes, sparse_of(grid), kFixedLimit, values)) {
    return std::numeric_limits<float>::quiet_NaN();
  }
  return grid.size == 0 ? 0 : sparse_range(bytes);
}

std::uint64_t encode_tensor(const TensorGrid& grid, std::span<const float> delta, Rng& rng,
                            std::vector<std::int16_t>& codes, Bytes& out) {
  const double top = max_update_code(grid.bits);
  const double step = grid.step;
  std::uint64_t clipped = 0;
  codes.resize(delta.size());
  for (std::size_t i = 0; i < delta.size(); ++i) {
    const double x = static_cast<double>(delta[i]) / step;
    clipped += std::abs(x) > top ? 1 : 0;
    const double inside = std::clamp(x, -top, top);
    codes[i] = grid.bits == 1 ? round_sign(inside, rng.uniform())
                              : round_stochastic(inside, rng.uniform());
  }
  if (grid.bits == 1) {
    pack_signs(codes, out);
    return clipped;
  }
  pack_codes(codes, grid.bits, out);
  return clipped;
}

std::uint64_t encode_floats(std::span<const float> delta, Bytes& out) {
  std::uint64_t clipped = 0;
  const std::size_t at = out.size();
  out.resize(at + delta.size() * sizeof(float));
  for (std::size_t i = 0; i < delta.size(); ++i) {
    clipped += std::abs(delta[i]) > kFixedLimit ? 1 : 0;
    const float value = std::clamp(delta[i], -kFixedLimit, kFixedLimit);
    std::memcpy(out.data() + at + i * sizeof(float), &value, sizeof value);
  }
  return clipped;
}

// Magnitudes of floats compare like their bits; NaN is greater than all.
float greatest_float(ByteView bytes) {
  std::uint32_t top = 0;
  for (std::size_t i = 0; i < bytes.size(); i += sizeof(float)) {
    std::uint32_t value = 0;
    std::memcpy(&value, bytes.data() + i, sizeof value);
    top = std::max(top, value & 0x7fffffffU);
  }
  return std::bit_cast<float>(top);
}

Error wrong_size(std::span<const TensorGrid> grid, ByteView payload) {
  const PayloadSize size = payload_size(grid);
  const std::string least = size.least == size.most ? "" : std::to_string(size.least) + " to ";
  return {Errc::kCorrupt, "update has " + std::to_string(payload.size()) +
                              " bytes, its grid takes " + least + std::to_string(size.most)};
}

}  // namespace

std::int64_t to_fixed(float value) { return std::llrint(static_cast<double>(value) / kFixedStep); }

bool in_fixed_point(const TensorGrid& grid) {
  return grid.codec == UpdateCodec::kEden || grid.codec == UpdateCodec::kSparse ||
         grid.bits == kFloatUpdateBits || (grid.codec == UpdateCodec::kDither && grid.step == 0);
}

int max_update_code(int bits) { return bits == 1 ? 1 : fedqat::max_code(bits); }

std::int64_t max_code(const TensorGrid& grid) {
  if (grid.bits == kNotSentBits) return 0;
  if (in_fixed_point(grid)) return to_fixed(kFixedLimit);
  if (grid.codec == UpdateCodec::kDither) {
    return kDitherUnits * max_update_code(grid.bits) + kDitherParts - 1;
  }
  return max_update_code(grid.bits);
}

void unpack_update(const TensorGrid& grid, ByteView bytes, std::size_t first,
                   std::span<std::int16_t> codes) {
  if (grid.bits != 1) return unpack_codes(bytes, grid.bits, first, codes);
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const auto byte = std::to_integer<unsigned>(bytes[(first + i) / 8]);
    codes[i] = (byte >> ((first + i) % 8) & 1) != 0 ? std::int16_t{1} : std::int16_t{-1};
  }
}

void decode_codes(const TensorGrid& grid, ByteView bytes, std::span<std::int16_t> codes) {
  FEDQAT_CHECK(decode_dither(bytes, dither_of(grid), kFixedLimit, codes));
}

void decode_values(const TensorGrid& grid, ByteView bytes, std::span<float> values) {
  if (grid.codec == UpdateCodec::kEden) {
    return decode_eden(bytes, rate_of(grid), kFixedLimit, values);
  }
  if (grid.codec == UpdateCodec::kSparse) {
    return FEDQAT_CHECK(decode_sparse(bytes, sparse_of(grid), kFixedLimit, values));
  }
  std::vector<std::int16_t> codes(grid.size);
  decode_codes(grid, bytes, codes);
  const double one = dither_step(bytes, dither_of(grid)) / kDitherUnits;
  for (std::size_t i = 0; i < codes.size(); ++i) {
    values[i] = std::clamp(static_cast<float>(one * codes[i]), -kFixedLimit, kFixedLimit);
  }
}

double unit(const TensorGrid& grid) {
  if (in_fixed_point(grid)) return kFixedStep;
  const auto step = static_cast<double>(grid.step);
  return grid.codec == UpdateCodec::kDither ? step / kDitherUnits : step;
}

Result<void> check_grid(std::span<const TensorGrid> grid) {
  for (std::size_t t = 0; t < grid.size(); ++t) {
    const int bits = grid[t].bits;
    if (grid[t].codec == UpdateCodec::kEden) {
      if (bits >= 1 && bits <= kMaxEdenBits && grid[t].share > 0 && grid[t].share <= 1) continue;
      return Error{Errc::kInvalid, "grid of tensor " + std::to_string(t) +
                                       ": EDEN has 1 to 8 bits for a share in (0, 1]"};
    }
    if (grid[t].codec == UpdateCodec::kSparse) {
      const bool some = grid[t].share > 0 && grid[t].share <= 1;
      if (bits >= kMinCodeBits && bits <= kMaxCodedBits && some) continue;
      return Error{Errc::kInvalid, "grid of tensor " + std::to_string(t) +
                                       ": top-k has 2 to 8 bits for a share in (0, 1]"};
    }
    if (grid[t].codec == UpdateCodec::kDither) {
      const bool stepped = std::isfinite(grid[t].step) && grid[t].step >= 0;
      if (bits >= kMinCodeBits && bits <= kMaxCodedBits && stepped) continue;
      return Error{Errc::kInvalid, "grid of tensor " + std::to_string(t) +
                                       ": dither has 2 to 8 bits and a step that is not negative"};
    }
    const bool coded = bits >= 1 && bits <= kMaxCodeBits;
    if (!coded && bits != kNotSentBits && bits != kFloatUpdateBits) {
      return Error{Errc::kInvalid, "grid of tensor " + std::to_string(t) + ": " +
                                       std::to_string(bits) + " bits; 0 to 16 or 32 can be sent"};
    }
    if (coded && !(std::isfinite(grid[t].step) && grid[t].step > 0)) {
      return Error{Errc::kInvalid,
                   "grid of tensor " + std::to_string(t) + ": step is not a positive number"};
    }
  }
  return {};
}

std::optional<std::size_t> tensor_size(const TensorGrid& tensor, ByteView bytes) {
  if (tensor.codec == UpdateCodec::kDither) {
    return dither_size(bytes, tensor.size, dither_of(tensor));
  }
  if (tensor.codec == UpdateCodec::kSparse) {
    return sparse_size(bytes, tensor.size, sparse_of(tensor));
  }
  const std::size_t size = fixed_size(tensor);
  if (size > bytes.size()) return std::nullopt;
  return size;
}

PayloadSize payload_size(std::span<const TensorGrid> grid) {
  PayloadSize bytes;
  for (const TensorGrid& tensor : grid) {
    if (tensor.codec == UpdateCodec::kDither) {
      bytes.most += most_dither_size(tensor.size, dither_of(tensor));
      continue;
    }
    if (tensor.codec == UpdateCodec::kSparse) {
      bytes.most += most_sparse_size(tensor.size, sparse_of(tensor));
      continue;
    }
    const std::size_t size = fixed_size(tensor);
    bytes.least += size;
    bytes.most += size;
  }
  return bytes;
}

Result<EncodedUpdate> encode_update(std::span<const TensorGrid> grid, std::span<const float> delta,
                                    Rng rng) {
  EncodedUpdate update;
  update.payload.reserve(payload_size(grid).least);
  std::vector<std::int16_t> codes;
  std::size_t offset = 0;
  for (std::size_t t = 0; t < grid.size(); ++t) {
    FEDQAT_CHECK(offset + grid[t].size <= delta.size());
    const auto values = delta.subspan(offset, grid[t].size);
    offset += grid[t].size;
    float top = 0;
    bool finite = true;
    for (const float v : values) {
      finite = finite && std::isfinite(v);
      top = std::max(top, std::abs(v));
    }
    if (!finite) {
      return Error{Errc::kInvalid,
                   "update of tensor " + std::to_string(t) +
                       " is not finite: training diverged; lower the learning rate"};
    }
    if (grid[t].codec == UpdateCodec::kEden) {
      const std::size_t at = update.payload.size();
      update.clipped += encode_eden(values, rate_of(grid[t]), kFixedLimit, rng, update.payload);
      update.max_abs.push_back(greatest_eden_scale(ByteView(update.payload).subspan(at),
                                                   grid[t].size, rate_of(grid[t]), kFixedLimit));
      continue;
    }
    if (grid[t].codec == UpdateCodec::kDither) {
      update.max_abs.push_back(grid[t].step == 0 ? std::min(top, kFixedLimit) : top);
      update.clipped += encode_dither(values, dither_of(grid[t]), kFixedLimit, rng, update.payload);
      continue;
    }
    if (grid[t].codec == UpdateCodec::kSparse) {
      const std::size_t at = update.payload.size();
      update.clipped += encode_sparse(values, sparse_of(grid[t]), kFixedLimit, update.payload);
      update.max_abs.push_back(values.empty() ? 0
                                              : sparse_range(ByteView(update.payload).subspan(at)));
      continue;
    }
    update.max_abs.push_back(top);
    if (grid[t].bits == kNotSentBits) continue;
    update.clipped += grid[t].bits == kFloatUpdateBits
                          ? encode_floats(values, update.payload)
                          : encode_tensor(grid[t], values, rng, codes, update.payload);
  }
  FEDQAT_CHECK(offset == delta.size());
  return update;
}

Result<std::vector<float>> greatest_values(std::span<const TensorGrid> grid, ByteView payload) {
  std::vector<float> greatest;
  greatest.reserve(grid.size());
  std::size_t at = 0;
  for (std::size_t t = 0; t < grid.size(); ++t) {
    const TensorGrid& tensor = grid[t];
    const auto size = tensor_size(tensor, payload.subspan(at));
    if (!size) return wrong_size(grid, payload);
    const ByteView bytes = payload.subspan(at, *size);
    at += *size;
    float top = 0, end = 0;
    bool ok = true;
    if (tensor.codec == UpdateCodec::kEden) {
      top = greatest_eden_scale(bytes, tensor.size, rate_of(tensor), kFixedLimit);
      end = kFixedLimit;
    } else if (tensor.codec == UpdateCodec::kDither) {
      top = greatest_dither(tensor, bytes);
      end = kFixedLimit;
    } else if (tensor.codec == UpdateCodec::kSparse) {
      top = greatest_sparse(tensor, bytes);
      end = kFixedLimit;
    } else if (tensor.bits == kFloatUpdateBits) {
      top = greatest_float(bytes);
      end = kFixedLimit;
    } else if (tensor.bits != kNotSentBits) {
      ok = packed_size_is_valid(bytes, tensor.size, tensor.bits);
      end = static_cast<float>(max_update_code(tensor.bits));
      if (ok && tensor.bits == 1) top = tensor.size > 0 ? 1 : 0;
      if (ok && tensor.bits > 1) {
        top = static_cast<float>(greatest_code(bytes, tensor.size, tensor.bits));
      }
    }
    if (!ok || !(top <= end)) {
      return Error{Errc::kCorrupt,
                   "update of tensor " + std::to_string(t) + " has a value out of range"};
    }
    greatest.push_back(top);
  }
  if (at != payload.size()) return wrong_size(grid, payload);
  return greatest;
}

Result<void> check_payload(std::span<const TensorGrid> grid, ByteView payload) {
  if (auto ok = greatest_values(grid, payload); !ok) return ok.error();
  return {};
}

Result<std::vector<float>> decode_update(std::span<const TensorGrid> grid, ByteView payload) {
  if (auto ok = check_payload(grid, payload); !ok) return ok.error();
  std::vector<float> delta;
  std::vector<std::int16_t> codes;
  std::size_t at = 0;
  for (const TensorGrid& tensor : grid) {
    const ByteView bytes = payload.subspan(at, tensor_size(tensor, payload.subspan(at)).value());
    at += bytes.size();
    const std::size_t first = delta.size();
    delta.resize(first + tensor.size, 0.0F);
    if (tensor.bits == kNotSentBits || tensor.size == 0) continue;
    if (tensor.codec != UpdateCodec::kUniform) {
      decode_values(tensor, bytes, std::span(delta).subspan(first));
      continue;
    }
    if (tensor.bits == kFloatUpdateBits) {
      std::memcpy(delta.data() + first, bytes.data(), bytes.size());
      continue;
    }
    codes.resize(tensor.size);
    unpack_update(tensor, bytes, 0, codes);
    for (std::size_t i = 0; i < tensor.size; ++i) {
      delta[first + i] = tensor.step * static_cast<float>(codes[i]);
    }
  }
  return delta;
}

}  // namespace fedqat
