// Convolution as a matrix product: windows of an image laid out as rows, and back.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fedqat::kernels {

// An image [h, w, c], window [kh, kw]; padding_h rows above and below, padding_w columns each side.
struct Window {
  int h, w, c;
  int kh, kw, stride, padding_h, padding_w;
  int out_h() const { return (h + 2 * padding_h - kh) / stride + 1; }
  int out_w() const { return (w + 2 * padding_w - kw) / stride + 1; }
  int depth() const { return kh * kw * c; }
};

// patches[oy * out_w + ox, (ky * kw + kx) * c + ch] =
//     x[oy * stride + ky - padding_h, ox * stride + kx - padding_w, ch], or `outside` beyond the
//     edge.
// patches has out_h * out_w rows, ld >= depth() elements apart. Up to 63 bytes behind the last
// written element and behind x are touched: both need the slack of Buffer. What lies between
// depth() and ld is undefined.
void im2col(const Window& window, const std::uint8_t* x, std::uint8_t outside,
            std::uint8_t* patches, std::ptrdiff_t ld);
void im2col(const Window& window, const float* x, float outside, float* patches, std::ptrdiff_t ld);

// The same with the windows in quads of rows that lie a quarter of the image apart: window i is row
// 4 (i mod q) + i / q of patches, q = ceil(windows / 4); ld >= depth() + 15. What lies between
// depth() and ld, and in rows of no window, is undefined.
void im2col_quads(const Window& window, const std::uint8_t* x, std::uint8_t outside,
                  std::uint8_t* patches, std::ptrdiff_t ld);

// x in a frame of `outside`: [h + 2 padding_h, w + 2 padding_w, c]. Its windows
// without padding are those of x, and faster to unfold.
void pad_image(const Window& window, const std::uint8_t* x, std::uint8_t outside,
               std::uint8_t* padded);

// The adjoint, for the windows of output rows oy0 .. oy1-1, whose first is dpatches:
// dx[...] += every patch element that was copied from there, window after window. dx [h, w, c].
void col2im(const Window& window, const float* dpatches, std::ptrdiff_t ld, int oy0, int oy1,
            float* dx);
void col2im(const Window& window, const std::int32_t* dpatches, std::ptrdiff_t ld, int oy0, int oy1,
            std::int32_t* dx);

}  // namespace fedqat::kernels
