#include "common/codec/broadcast_codec.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstring>
#include <string>

#include "common/base/check.h"
#include "common/codec/bit_pack.h"
#include "common/quant/range_fit.h"

namespace fedqat {
namespace {

void append(Bytes& out, const void* data, std::size_t size) {
  const auto* bytes = static_cast<const std::byte*>(data);
  out.insert(out.end(), bytes, bytes + size);
}

constexpr int kFitSteps = 10;

float nearest_code(float w, float scale, float end) {
  return std::clamp(std::rint(w / scale), -end, end);
}

// Of least squared error near `scale`.
float fit_scale(std::span<const float> w, float scale, float end) {
  for (int step = 0; step < kFitSteps; ++step) {
    double along = 0, square = 0;
    for (const float v : w) {
      const double code = nearest_code(v, scale, end);
      along += v * code;
      square += code * code;
    }
    if (square == 0) break;
    const auto next = static_cast<float>(along / square);
    if (next == scale) break;
    scale = next;
  }
  return scale;
}

float scale_of(std::span<const float> w, int bits, const BroadcastRounding& rounding) {
  const auto end = static_cast<float>(max_code(bits));
  float top = 0;
  for (const float v : w) top = std::max(top, std::abs(v));
  float scale = top / end;
  if (rounding.fit_scale && scale >= FLT_MIN) {
    scale = fit_scale(w, fit_weight_scale(w, bits), end);
  }
  return scale < FLT_MIN ? 0 : scale;  // a subnormal one has too few bits to divide by
}

std::int16_t code_of(float w, float scale, float end, float nearest, Rng& rng) {
  if (scale == 0) return 0;
  const float code = nearest_code(w, scale, end);
  if (nearest == 1) return static_cast<std::int16_t>(code);
  const float x = std::clamp(w / scale, -end, end);
  const float moved = x + nearest * (code - x);
  const float low = std::floor(moved);
  return static_cast<std::int16_t>(low + (rng.uniform() < moved - low ? 1.0F : 0.0F));
}

bool is_coded(const BroadcastTensor& t) { return t.bits == 4 || t.bits == 8; }

std::size_t encoded_size(const BroadcastTensor& t) {
  if (!is_coded(t)) return t.size * sizeof(float);
  return packed_size(t.size, t.bits) + static_cast<std::size_t>(t.channels) * sizeof(float);
}

Error corrupt(std::size_t tensor, const char* what) {
  return {Errc::kCorrupt, "model tensor " + std::to_string(tensor) + ": " + what};
}

}  // namespace

Bytes encode_broadcast(std::span<const BroadcastTensor> tensors, std::span<const float> params,
                       const BroadcastRounding& rounding) {
  Bytes out;
  Rng rng(rounding.random);
  std::vector<float> scales;
  std::vector<std::int16_t> codes;
  std::size_t offset = 0;
  for (const BroadcastTensor& t : tensors) {
    FEDQAT_CHECK(offset + t.size <= params.size());
    const auto values = params.subspan(offset, t.size);
    offset += t.size;
    if (!is_coded(t)) {
      append(out, values.data(), values.size_bytes());
      continue;
    }
    const auto channels = static_cast<std::size_t>(t.channels);
    const std::size_t each = t.size / channels;
    scales.resize(channels);
    codes.resize(t.size);
    const auto end = static_cast<float>(max_code(t.bits));
    for (std::size_t c = 0; c < channels; ++c) {
      scales[c] = scale_of(values.subspan(c * each, each), t.bits, rounding);
      for (std::size_t i = c * each; i < (c + 1) * each; ++i) {
        codes[i] = code_of(values[i], scales[c], end, rounding.nearest, rng);
      }
    }
    append(out, scales.data(), scales.size() * sizeof(float));
    pack_codes(codes, t.bits, out);
  }
  FEDQAT_CHECK(offset == params.size());
  return out;
}

Result<std::vector<float>> decode_broadcast(std::span<const BroadcastTensor> tensors,
                                            ByteView bytes) {
  std::size_t want = 0, count = 0;
  for (const BroadcastTensor& t : tensors) {
    want += encoded_size(t);
    count += t.size;
  }
  if (bytes.size() != want) {
    return Error{Errc::kCorrupt, "model has " + std::to_string(bytes.size()) +
                                     " bytes of parameters, expected " + std::to_string(want)};
  }
  std::vector<float> params(count);
  std::vector<std::int16_t> codes;
  float* out = params.data();
  const std::byte* in = bytes.data();
  for (std::size_t k = 0; k < tensors.size(); ++k) {
    const BroadcastTensor& t = tensors[k];
    if (is_coded(t)) {
      const auto channels = static_cast<std::size_t>(t.channels);
      const std::size_t each = t.size / channels;
      const ByteView packed(in + channels * sizeof(float), packed_size(t.size, t.bits));
      if (!packed_is_valid(packed, t.size, t.bits)) return corrupt(k, "code out of range");
      codes.resize(t.size);
      unpack_codes(packed, t.bits, 0, codes);
      for (std::size_t c = 0; c < channels; ++c) {
        float scale = 0;
        std::memcpy(&scale, in + c * sizeof(float), sizeof scale);
        if (!std::isfinite(scale) || scale < 0) return corrupt(k, "scale is not a finite number");
        for (std::size_t i = 0; i < each; ++i) {
          out[c * each + i] = scale * static_cast<float>(codes[c * each + i]);
        }
      }
    } else if (t.size != 0) {
      std::memcpy(out, in, t.size * sizeof(float));
    }
    for (std::size_t i = 0; i < t.size; ++i) {
      if (!std::isfinite(out[i])) return corrupt(k, "value is not finite");
    }
    out += t.size;
    in += encoded_size(t);
  }
  return params;
}

}  // namespace fedqat
