// Gradients of a Dense or Conv2D step's output as integers, for the products of its backward pass.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "common/kernels/gradient/gradient.h"
#include "common/kernels/pool/pool.h"
#include "common/nn/layers/layer.h"

namespace fedqat {

inline constexpr int kDigits = 2;  // of a gradient of 16 bits

// qgemm_tn takes gradients in quads of rows, byte by byte. To make quads from whole vectors, the
// output rows come in sheets of four strips, and a quad has a row of each strip: a sheet of Conv2D
// is a sample (im2col_quads() lays its patches out alike), of Dense four samples.
struct Sheets {
  explicit Sheets(const Step& step);
  std::ptrdiff_t digits(int samples) const;  // bytes of them

  int samples;  // of a sheet
  int quads;    // "
  int channels;
};

// One for each thread.
class GradientCodes {
 public:
  // Of up to `most` samples at a time. With memory.maxima the gradients are those of the maxima,
  // 0 where none is.
  GradientCodes(const Step& step, const LayerMemory& memory, int most);

  // g: `samples` samples from `first` on, of which the first begins a sheet, or their maxima;
  // which: where these are. Rounded by docs/numerics.md to q8 [samples, out], a code of 8 bits with
  // zero point 128, digits, those of 16 bits in the sheets' layout; rows behind the last sample are
  // 0.
  void round(const Pass& pass, kernels::GradientMatrix g, const std::uint8_t* which, float inverse,
             int first, int samples, std::uint8_t* q8, std::int8_t* digits);

 private:
  const Step step_;
  const kernels::GradientKernels& gradient_;
  const Sheets sheets_;
  std::optional<kernels::Window> pool_;
  std::ptrdiff_t grads_;  // of a sample
  Buffer<std::uint8_t> random_;
  Buffer<std::int16_t> q16_;  // of a sheet
  // Of a sample's maxima:
  Buffer<std::int16_t> maxima16_;
  Buffer<std::uint8_t> maxima8_;
};

}  // namespace fedqat
