#include "common/codec/update_codec.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "common/base/check.h"
#include "common/codec/bit_pack.h"
#include "common/codec/dither.h"
#include "common/codec/tensor_codec.h"

namespace fedqat {
namespace {

Error wrong_size(std::span<const TensorGrid> grid, ByteView payload) {
  const PayloadSize size = payload_size(grid);
  const std::string least = size.least == size.most ? "" : std::to_string(size.least) + " to ";
  return {Errc::kCorrupt, "update has " + std::to_string(payload.size()) +
                              " bytes, its grid takes " + least + std::to_string(size.most)};
}

struct Magnitude {
  float top = 0;
  bool finite = true;
};

Magnitude magnitude_of(std::span<const float> values) {
  Magnitude m;
  for (const float v : values) {
    m.finite = m.finite && std::isfinite(v);
    m.top = std::max(m.top, std::abs(v));
  }
  return m;
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

double unit(const TensorGrid& grid) {
  if (in_fixed_point(grid)) return kFixedStep;
  const auto step = static_cast<double>(grid.step);
  return grid.codec == UpdateCodec::kDither ? step / kDitherUnits : step;
}

void unpack_update(const TensorGrid& grid, ByteView bytes, std::size_t first,
                   std::span<std::int16_t> codes) {
  if (grid.bits != 1) return unpack_codes(bytes, grid.bits, first, codes);
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const auto byte = std::to_integer<unsigned>(bytes[(first + i) / 8]);
    codes[i] = (byte >> ((first + i) % 8) & 1) != 0 ? std::int16_t{1} : std::int16_t{-1};
  }
}

void decode_values(const TensorGrid& grid, ByteView bytes, std::span<float> values) {
  tensor_codec(grid).decode(grid, bytes, values);
}

Result<void> check_grid(std::span<const TensorGrid> grid) {
  for (std::size_t t = 0; t < grid.size(); ++t) {
    const char* fault = tensor_codec(grid[t]).fault(grid[t]);
    if (fault == nullptr) continue;
    return Error{Errc::kInvalid, "grid of tensor " + std::to_string(t) + ", " +
                                     std::to_string(grid[t].bits) + " bits: " + fault};
  }
  return {};
}

std::optional<std::size_t> tensor_size(const TensorGrid& tensor, ByteView bytes) {
  return tensor_codec(tensor).size(tensor, bytes);
}

PayloadSize payload_size(std::span<const TensorGrid> grid) {
  PayloadSize bytes;
  for (const TensorGrid& tensor : grid) {
    const PayloadSize size = tensor_codec(tensor).bounds(tensor);
    bytes.least += size.least;
    bytes.most += size.most;
  }
  return bytes;
}

Result<EncodedUpdate> encode_update(std::span<const TensorGrid> grid, std::span<const float> delta,
                                    Rng rng) {
  EncodedUpdate update;
  update.payload.reserve(payload_size(grid).least);
  std::size_t at = 0;
  for (std::size_t t = 0; t < grid.size(); ++t) {
    FEDQAT_CHECK(at + grid[t].size <= delta.size());
    const auto values = delta.subspan(at, grid[t].size);
    at += grid[t].size;
    const Magnitude m = magnitude_of(values);
    if (!m.finite) {
      return Error{Errc::kInvalid,
                   "update of tensor " + std::to_string(t) +
                       " is not finite: training diverged; lower the learning rate"};
    }
    const EncodedTensor encoded =
        tensor_codec(grid[t]).encode(grid[t], values, m.top, rng, update.payload);
    update.clipped += encoded.clipped;
    update.max_abs.push_back(encoded.max_abs);
  }
  FEDQAT_CHECK(at == delta.size());
  return update;
}

Result<std::vector<float>> greatest_values(std::span<const TensorGrid> grid, ByteView payload) {
  std::vector<float> greatest;
  greatest.reserve(grid.size());
  std::size_t at = 0;
  for (std::size_t t = 0; t < grid.size(); ++t) {
    const auto size = tensor_size(grid[t], payload.subspan(at));
    if (!size) return wrong_size(grid, payload);
    const float top = tensor_codec(grid[t]).greatest(grid[t], payload.subspan(at, *size));
    at += *size;
    if (std::isnan(top)) {
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
  std::size_t at = 0;
  for (const TensorGrid& tensor : grid) {
    const ByteView bytes = payload.subspan(at, tensor_size(tensor, payload.subspan(at)).value());
    at += bytes.size();
    const std::size_t first = delta.size();
    delta.resize(first + tensor.size);
    decode_values(tensor, bytes, std::span(delta).subspan(first));
  }
  return delta;
}

}  // namespace fedqat
