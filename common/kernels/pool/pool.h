// Pooling over windows of an image [h, w, c] -> [out_h, out_w, c]; windows lie inside the image.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/kernels/im2col/im2col.h"

namespace fedqat::kernels {

// y = max over the window; which = position of the first maximum, ky * kw + kx (kh * kw <= 256),
// null where those of codes are not wanted. Up to 15 elements behind the end of each array are
// touched: all need the slack of Buffer. Several images in a row are to be done in order.
void max_pool(const Window& window, const std::uint8_t* x, std::uint8_t* y, std::uint8_t* which);
void max_pool(const Window& window, const float* x, float* y, std::uint8_t* which);
// y = what lies in x where the maximum is. Slack as above.
void max_pool_gather(const Window& window, const std::int8_t* x, const std::uint8_t* which,
                     std::int8_t* y);
// The other way round, where windows do not overlap: x[position of the maximum] = y, `other`
// elsewhere. Slack as above.
void max_pool_scatter(const Window& window, const std::uint8_t* y, const std::uint8_t* which,
                      std::uint8_t other, std::uint8_t* x);
void max_pool_scatter(const Window& window, const std::int16_t* y, const std::uint8_t* which,
                      std::int16_t* x);  // 0 elsewhere
// dx[position of the maximum] = dy, 0 elsewhere; add: added to what is in dx. Slack as above.
void max_pool_backward(const Window& window, const float* dy, const std::uint8_t* which, bool add,
                       float* dx);

// y = sum over the window of x - zero; exact.
void sum_pool(const Window& window, const std::uint8_t* x, std::int32_t zero, std::int32_t* y);
// y = (sum over the window, rows then columns, of x) / (kh * kw).
void mean_pool(const Window& window, const float* x, float* y);
// dx = (add ? dx : 0) + dy / (kh * kw) over the windows.
void mean_pool_backward(const Window& window, const float* dy, bool add, float* dx);

}  // namespace fedqat::kernels
