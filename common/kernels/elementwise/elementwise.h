// The passes between matrix products: quantize, requantize, and their straight-through gradients.
//
// One source (elementwise_body.inc) compiled for each instruction set; no pass fuses, reorders or
// approximates, so all give the same bits. Matrices are [rows, width] without gaps; per-column
// parameters are [width]. Callers with few channels repeat the channels' parameters and join rows,
// so that width fills vectors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "common/base/isa.h"
#include "common/kernels/output_grid.h"

namespace fedqat::kernels {

// t = (float(a - a_zero) * a_scale + float(b - b_zero) * b_scale) / y_scale, n elements.
struct AddArgs {
  std::ptrdiff_t n;
  const std::uint8_t* a;
  std::int32_t a_zero;
  float a_scale;
  const std::uint8_t* b;
  std::int32_t b_zero;
  float b_scale;
  float y_scale;
  OutputGrid grid;
};

// w [n] in place; v null: no momentum, as if v were 0 before.
struct SgdArgs {
  std::ptrdiff_t n;
  float rate, momentum, decay, prox;
  const float* g;
  const float* anchor;
  float* v;
  float* w;
};

struct ElementwiseKernels {
  const char* name;
  Isa isa;

  // t = float(acc) * mult[column]; y = code of t.
  void (*requantize)(const std::int32_t* acc, std::ptrdiff_t rows, int width, const float* mult,
                     const OutputGrid& grid, std::uint8_t* y);

  // The same of the greatest of 2x2 acc: lines 2i and 2i + 1 of acc lie `line` apart, their pixels
  // [width] without gaps; y [pixels, width]. mult >= 0: the greatest sum has the greatest code.
  void (*requantize_maxima)(const std::int32_t* acc, std::ptrdiff_t line, int pixels, int width,
                            const float* mult, const OutputGrid& grid, std::uint8_t* y);

  // Straight-through estimator of requantize(), LSQ's regions [Esser20] eq. 3:
  // inside = low < t + zero < high; dv = inside ? dy : 0; dbias[col] += dv;
  // dscale[col] += dy * (rint(clamp(t)) - (inside ? t : 0)).
  void (*requantize_backward)(const std::int32_t* acc, const float* dy, std::ptrdiff_t rows,
                              int width, const float* mult, const OutputGrid& grid, float* dv,
                              float* dbias, float* dscale);

  // Symmetric codes: codes = rint(clamp(w / scale[row], -q, q)); w_hat = codes * scale[row].
  void (*quantize_weights)(const float* w, int rows, int width, const float* scale, int q,
                           std::int8_t* codes, float* w_hat);

  // dw enters as the gradient of x_scale * w_hat (a sum over input codes) and leaves as that of w;
  // dscale[row] = sum over the row of g * (rint(clamp(t)) - (inside ? t : 0)), t = w / scale,
  // g = dw * x_scale; sums run in 16 lanes, then over the lanes in order.
  void (*weights_backward)(const float* w, int rows, int width, const float* scale, int q,
                           float x_scale, float* dw, float* dscale);

  // fp32 layers: y = max(y + bias[col], floor), floor 0 for ReLU, else -inf.
  void (*add_bias)(float* y, std::ptrdiff_t rows, int width, const float* bias, float floor);
  // dv = y > floor ? dy : 0; dbias[col] += dv.
  void (*bias_backward)(const float* y, const float* dy, std::ptrdiff_t rows, int width,
                        float floor, float* dv, float* dbias);
  // sums[col] += v, row after row.
  void (*sum_rows)(const float* v, std::ptrdiff_t rows, int width, float* sums);

  // real = scale * float(code - zero).
  void (*dequantize)(const std::uint8_t* codes, std::ptrdiff_t n, float scale, std::int32_t zero,
                     float* real);

  // y = code of t.
  void (*add)(const AddArgs& args, std::uint8_t* y);
  // dv = inside ? dy : 0; returns the sum of dy * (rint(clamp(t)) - (inside ? t : 0)), element i in
  // lane i mod 16, then over the lanes in order.
  float (*add_backward)(const AddArgs& args, const float* dy, float* dv);

  // v = momentum * v + (g + (decay * w + prox * (w - anchor))); w -= rate * v.
  void (*sgd)(const SgdArgs& args);
};

std::span<const ElementwiseKernels> elementwise_kernels();  // best first
const ElementwiseKernels& elementwise();                    // best for this machine

}  // namespace fedqat::kernels
