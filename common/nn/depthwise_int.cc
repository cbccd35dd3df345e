#include "common/nn/depthwise_int.h"

#include <algorithm>

namespace fedqat {

DepthwiseInt::DepthwiseInt(const Step& step)
    : step_(step),
      window_(window_of(step)),
      depthwise_(kernels::depthwise_kernel()),
      elementwise_(kernels::elementwise()),
      packed_(kernels::packed_depthwise_size(window_)),
      start_(static_cast<std::size_t>(kernels::depthwise_width(step.out.c))),
      outside_(static_cast<std::size_t>(step.out.c)),
      mult_(static_cast<std::size_t>(step.out.c)) {
  if (depthwise_.forward_columns == nullptr || !kernels::fits_columns(window_)) return;
  const auto width = static_cast<std::size_t>(kernels::columns_width(step.out.c));
  columns_ = Buffer<std::int8_t>(width * static_cast<std::size_t>(window_.kw) *
                                 static_cast<std::size_t>(kernels::kColumnRows));
  column_start_.resize(width);
  column_mult_.resize(width);
}

void DepthwiseInt::set(const std::int8_t* w, const float* w_scale, const std::int32_t* bias,
                       const ValueGrid& x, const ValueGrid& y) {
  y_ = y;
  kernels::pack_depthwise(window_, w, packed_.data());
  std::fill(outside_.span().begin(), outside_.span().end(), static_cast<std::uint8_t>(x.code.zero));
  const int taps = window_.kh * window_.kw;
  for (std::size_t c = 0; c < mult_.size(); ++c, w += taps) {
    std::int32_t sum = 0;
    for (int t = 0; t < taps; ++t) sum += w[t];
    start_[c] = bias[c] - x.code.zero * sum;
    mult_[c] = (x.scale * w_scale[c]) / y.scale;
  }
  repeat_channels(mult_, wide_mult_);
  if (columns_.size() == 0) return;
  kernels::pack_columns(window_, w - mult_.size() * static_cast<std::size_t>(taps),
                        columns_.data());
  for (std::size_t c = 0; c < mult_.size(); ++c) {
    const auto place = static_cast<std::size_t>(kernels::column_place(static_cast<int>(c)));
    column_start_[place] = start_[c];
    column_mult_[place] = mult_[c];
  }
}

void DepthwiseInt::forward(const std::uint8_t* x, int n, std::int32_t* acc, std::uint8_t* y) {
  const auto in = static_cast<std::ptrdiff_t>(step_.in.size());
  const auto out = static_cast<std::ptrdiff_t>(step_.out.size());
  for (std::ptrdiff_t s = 0; s < n; ++s) {
    depthwise_.forward_codes(
        {window_, x + s * in, outside_.data(), packed_.data(), start_.data(), acc + s * out});
    requantize(acc + s * out, y + s * out);
  }
}

void DepthwiseInt::infer(const std::uint8_t* x, int n, std::int32_t* acc, std::uint8_t* y) {
  if (columns_.size() == 0) return forward(x, n, acc, y);
  for (int s = 0; s < n; ++s, x += step_.in.size(), y += step_.out.size()) {
    depthwise_.forward_columns({window_, x, outside_.data(), columns_.data(), column_start_.data(),
                                column_mult_.data(), y_.code, y});
  }
}

// Joined rows first, so that few channels fill vectors too, then what is left over.
void DepthwiseInt::requantize(const std::int32_t* acc, std::uint8_t* y) const {
  const auto width = static_cast<std::ptrdiff_t>(wide_mult_.size());
  const auto out = static_cast<std::ptrdiff_t>(step_.out.size());
  const std::ptrdiff_t done = out / width * width;
  elementwise_.requantize(acc, out / width, static_cast<int>(width), wide_mult_.data(), y_.code, y);
  elementwise_.requantize(acc + done, 1, static_cast<int>(out - done), wide_mult_.data(), y_.code,
                          y + done);
}

}  // namespace fedqat
