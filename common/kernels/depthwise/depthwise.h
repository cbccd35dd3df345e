// Depthwise convolution: each channel of an image with a window of its own. Forward on codes and on
// reals, and the two gradients. Images are [h, w, c] without gaps; channels lie in vectors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "common/base/isa.h"
#include "common/kernels/im2col/im2col.h"
#include "common/kernels/output_grid.h"

namespace fedqat::kernels {

// Below, o is an output pixel, t = ky * kw + kx a tap of its window, x[o,t] the input pixel there.
// Vectors are moved whole: up to 63 bytes behind each image are read, and behind acc and y written
// too, as Buffer allows; what lies behind one sample is overwritten by the next.

inline constexpr int kMaxTaps = 256;        // kh * kw
inline constexpr int kDepthwiseLanes = 16;  // weights have their channels in groups of so many

// c rounded up to whole groups.
constexpr int depthwise_width(int c) {
  return (c + kDepthwiseLanes - 1) / kDepthwiseLanes * kDepthwiseLanes;
}

//   acc[o,c] = start[c] + sum_t x[o,t,c] * w[t,c],   x = outside[c] beyond the edge
//
// Exact in int32 while |start| <= 2^30 + 2^23. A bias and zero point z with outside = z:
// start[c] = bias[c] - z * sum_t w[t,c].
struct DepthwiseCodes {
  Window window;
  const std::uint8_t* x;
  const std::uint8_t* outside;  // [c], with slack
  const std::int16_t* w;        // pack_depthwise()
  const std::int32_t* start;    // [depthwise_width(c)]
  std::int32_t* acc;            // [out_h, out_w, c]
};

// Weights for forward_codes(): taps in pairs, as the multiply-add instructions take them,
// [group][pair][16 channels][2], zeros where there is no channel or no second tap.
std::size_t packed_depthwise_size(const Window& window);
// w [c, taps] -> packed, packed_depthwise_size() long.
void pack_depthwise(const Window& window, const std::int8_t* w, std::int16_t* packed);

// The same sums, rounded at once: y[o,c] = clamp(rint(float(acc[o,c]) * mult[c]), low - zero,
// high - zero) + zero, the bits of elementwise requantize(). Nothing outside of y is written.
struct DepthwiseColumns {
  Window window;  // fits_columns()
  const std::uint8_t* x;
  const std::uint8_t* outside;  // [c]
  const std::int8_t* w;         // pack_columns()
  const std::int32_t* start;    // [columns_width(c)], that of channel c at column_place(c)
  const float* mult;            // "
  OutputGrid grid;
  std::uint8_t* y;
};

inline constexpr int kColumnBlock = 64;  // channels
inline constexpr int kColumnRows = 4;
constexpr bool fits_columns(const Window& g) { return g.kh <= kColumnRows && g.kw <= 16; }
constexpr int columns_width(int c) { return (c + kColumnBlock - 1) / kColumnBlock * kColumnBlock; }
// Within a block: vector (c % 16) / 4 of four, whose lanes of 16 bytes have four channels each.
constexpr int column_place(int c) {
  const int in_block = c % kColumnBlock;
  return c - in_block + in_block % 16 / 4 * 16 + in_block / 16 * 4 + in_block % 4;
}
// w [c, taps] -> packed [block][kw][64 places][4 rows], kw * 4 * columns_width(c) long; zeros where
// there is no channel or no row.
void pack_columns(const Window& window, const std::int8_t* w, std::int8_t* packed);

// Sums over taps inside the image, in ascending order; each is one chain of fused multiply-adds, so
// every kernel gives the same bits.
//   forward_real:     y[o,c]   = sum_t x[o,t,c] * w[t,c]
//   weight_gradient:  dw[t,c] += sum_o dy[o,c] * x[o,t,c]
//   input_gradient:   dx[o,t,c] += dy[o,c] * w[t,c], pixels o in ascending order, then taps; from 0
//                     unless `add`
// w and dw are [taps, depthwise_width(c)]. x is real, or when null float(x_codes - x_zero).
struct DepthwiseReal {
  Window window;
  const float* x = nullptr;
  const std::uint8_t* x_codes = nullptr;
  std::int32_t x_zero = 0;
  const float* w = nullptr;
  float* y = nullptr;
  const float* dy = nullptr;
  float* dw = nullptr;
  float* dx = nullptr;
  bool add = true;
};

struct DepthwiseKernel {
  const char* name;
  Isa isa;
  void (*forward_codes)(const DepthwiseCodes&);
  void (*forward_real)(const DepthwiseReal&);
  void (*weight_gradient)(const DepthwiseReal&);
  void (*input_gradient)(const DepthwiseReal&);
  void (*forward_columns)(const DepthwiseColumns&) = nullptr;  // null: forward_codes() is as good
};

std::span<const DepthwiseKernel> depthwise_kernels();  // best first
const DepthwiseKernel& depthwise_kernel();             // best for this machine

// The definitions, never optimized: the oracles. w of codes is [c, taps].
void depthwise_reference(const DepthwiseCodes& args, const std::int8_t* w);
void depthwise_reference_forward(const DepthwiseReal& args);
void depthwise_reference_weights(const DepthwiseReal& args);
void depthwise_reference_input(const DepthwiseReal& args);

}  // namespace fedqat::kernels
