#include "common/codec/broadcast_codec.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstring>
#include <string>

#include "common/base/check.h"
#include "common/codec/bit_pack.h"

namespace fedqat {
namespace {

void append(Bytes& out, const void* data, std::size_t size) {
  const auto* bytes = static_cast<const std::byte*>(data);
  out.insert(out.end(), bytes, bytes + size);
}

void encode_channel(std::span<const float> w, int bits, float* scale, std::int16_t* codes) {
  const auto end = static_cast<float>(max_code(bits));
  float top = 0;
  for (const float v : w) top = std::max(top, std::abs(v));
  *scale = top / end;
  if (*scale < FLT_MIN) *scale = 0;  // a subnormal scale has too few bits to divide by
  for (std::size_t i = 0; i < w.size(); ++i) {
    codes[i] = *scale == 0
                   ? std::int16_t{0}
                   : static_cast<std::int16_t>(std::clamp(std::rint(w[i] / *scale), -end, end));
  }
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

Bytes encode_broadcast(std::span<const BroadcastTensor> tensors, std::span<const float> params) {
  Bytes out;
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
    for (std::size_t c = 0; c < channels; ++c) {
      encode_channel(values.subspan(c * each, each), t.bits, &scales[c], codes.data() + c * each);
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
