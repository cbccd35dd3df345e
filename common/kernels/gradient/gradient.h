// The passes of the int8 backward pass between its matrix products: gradients to 16-bit codes, to
// stochastically rounded 8-bit codes, to the digits that qgemm_tn takes, and its sums to gradients
// of weights. docs/numerics.md, "Training", is the definition.
//
// One source (gradient_body.inc) compiled for each instruction set; all give the same bits. Nothing
// outside of the arrays is touched.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "common/base/isa.h"

namespace fedqat::kernels {

// The largest magnitude of a 16-bit gradient code: its 8-bit rounding stays within +-127.
inline constexpr float kGradientCodes = 32512.0F;  // 127 * 256

// Random bytes come in groups: 16 Philox blocks, word by word. Byte i of a stream is byte i % 4,
// the lowest first, of word (i / 64) % 4 of block 16 (i / 256) + (i / 4) % 16. Block b is
// philox4x32({b, stream, key[2], key[3]}, {key[0], key[1]}).
inline constexpr std::ptrdiff_t kRandomGroup = 256;
using RandomKey = std::array<std::uint32_t, 4>;

// A matrix [rows, channels] without gaps, `count` elements, read as rows of `width`, a multiple of
// channels; per-channel values are repeated to [width].
struct GradientMatrix {
  const float* dy;
  const std::int8_t* residual;  // of qgemm's rounding
  const std::uint8_t* y;        // and its codes
  std::ptrdiff_t count;
  int width;
  const float* scale;  // s_w, [width]
};

// Sums of a channel: digits [2, width], the high one first, the low one `ld` elements behind it.
// Only s = 256 high + low counts: kernels share s out to the two in different ways.
struct WeightSums {
  const std::int32_t* digits;
  std::ptrdiff_t ld;
  const float* earlier;  // [width], sums of the blocks before; null: none
};

struct GradientKernels {
  const char* name;
  Isa isa;

  // out = bytes 256 group .. 256 (group + groups) - 1 of the stream.
  void (*random_bytes)(const RandomKey& key, std::uint32_t stream, std::uint32_t group,
                       std::ptrdiff_t groups, std::uint8_t* out);

  // Returns max |dy * scale| over what was not clipped, at least 0; adds the scale's gradient to
  // lanes [width]: lanes[col] += dy * (clipped ? y - zero : residual * float(1/254)).
  float (*range)(const GradientMatrix& g, std::int32_t zero, float* lanes);

  // q16 = clipped ? 0 : rint(clamp((dy * scale) * inverse)), within kGradientCodes;
  // q8 = 128 + floor((q16 + random) / 256).
  void (*quantize)(const GradientMatrix& g, float inverse, const std::uint8_t* random,
                   std::int16_t* q16, std::uint8_t* q8);

  // Four rows q + r * n, r = 0..3, of n codes -> digits of 256 * high + low, both s8:
  // out[8 i + r] = high digit of element i of row r, out[8 i + 4 + r] = low digit.
  void (*split_digits)(const std::int16_t* q, std::ptrdiff_t n, std::int8_t* out);

  // dx = float(acc) * unit, added to what is there with `add`.
  void (*scale_sums)(const std::int32_t* acc, std::ptrdiff_t n, float unit, bool add, float* dx);

  // sum = earlier + (256 * float(floor(s / 256)) + float(s mod 256)).
  void (*join_digits)(const WeightSums& sums, int width, float* sum);

  // One channel: codes = rint(clamp(w / scale, -q, q)).
  void (*weight_codes)(const float* w, int width, float scale, int q, std::int8_t* codes);

  // One channel: as elementwise weights_backward(), with g = sum * factor; returns dscale.
  float (*weights)(const WeightSums& sums, const float* w, float scale, int width, int q,
                   float factor, float* dw);
};

std::span<const GradientKernels> gradient_kernels();  // best first
const GradientKernels& gradient();                    // best for this machine

}  // namespace fedqat::kernels
