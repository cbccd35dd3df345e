// The passes of batch normalization over a matrix [rows, channels] without gaps.
//
// One source (batch_norm_body.inc) compiled for each instruction set; sums run over the rows in
// order, one for each channel, so all give the same bits.
#pragma once

#include <cstddef>
#include <span>

#include "common/base/isa.h"

namespace fedqat::kernels {

struct BatchNormKernels {
  const char* name;
  Isa isa;

  // sums[c] = sum over rows of v.
  void (*sum)(const float* v, std::ptrdiff_t rows, int channels, float* sums);
  // sums[c] = sum over rows of (v - mean[c])^2.
  void (*sum_squares)(const float* v, const float* mean, std::ptrdiff_t rows, int channels,
                      float* sums);

  // x = (v - mean[c]) * inverse[c]; y = gamma[c] * x + beta[c], with relu at least 0. y may be v.
  struct Normal {
    const float *mean, *inverse, *gamma, *beta;
    bool relu;
  };
  void (*normalize)(const Normal& normal, const float* v, std::ptrdiff_t rows, int channels,
                    float* y);

  // With x of normalize(), from v: d = relu && !(gamma[c] * x + beta[c] > 0) ? 0 : dy.
  // first[c] = sum of d, second[c] = sum of d * x.
  void (*backward_sums)(const Normal& normal, const float* v, const float* dy, std::ptrdiff_t rows,
                        int channels, float* first, float* second);
  // dy = scale[c] * (d - shift[c] - x * turn[c]).
  struct Turn {
    const float *scale, *shift, *turn;
  };
  void (*backward)(const Normal& normal, const Turn& turn, const float* v, std::ptrdiff_t rows,
                   int channels, float* dy);
};

std::span<const BatchNormKernels> batch_norm_kernels();  // best first
const BatchNormKernels& batch_norm_kernel();             // best for this machine

}  // namespace fedqat::kernels
