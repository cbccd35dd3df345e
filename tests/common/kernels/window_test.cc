// im2col and pooling against their definitions.
#include <algorithm>
#include <catch2/catch.hpp>
#include <vector>

#include "common/base/rng.h"
#include "common/kernels/im2col/im2col.h"
#include "common/kernels/pool/pool.h"
#include "common/tensor/buffer.h"

using namespace fedqat;
using namespace fedqat::kernels;

namespace {

const std::vector<Window> kWindows = {
    {6, 5, 1, 3, 3, 1, 0, 0},  {6, 5, 3, 3, 3, 1, 1, 1}, {7, 7, 2, 5, 3, 2, 2, 2},
    {4, 4, 17, 2, 2, 2, 0, 0}, {7, 5, 6, 2, 2, 2, 0, 0}, {3, 3, 1, 3, 3, 1, 3, 3},
    {8, 1, 4, 3, 1, 1, 0, 0},  {9, 6, 1, 5, 4, 2, 2, 1}, {1, 7, 3, 1, 3, 2, 0, 1},
};

std::size_t image_size(const Window& g) { return static_cast<std::size_t>(g.h * g.w * g.c); }

Buffer<std::uint8_t> random_codes(std::size_t n) {
  Rng rng({.seed = n});
  Buffer<std::uint8_t> x(n);
  for (auto& v : x.span()) v = static_cast<std::uint8_t>(rng.below(256));
  return x;
}

// Element of the padded image.
int padded(const Window& g, const Buffer<std::uint8_t>& x, int y, int xx, int c, int outside) {
  if (y < 0 || xx < 0 || y >= g.h || xx >= g.w) return outside;
  return x[static_cast<std::size_t>((y * g.w + xx) * g.c + c)];
}

}  // namespace

TEST_CASE("im2col: every patch element comes from its place, or from outside") {
  for (const Window& g : kWindows) {
    const auto x = random_codes(image_size(g));
    const int ld = g.depth() + 3;
    Buffer<std::uint8_t> patches(static_cast<std::size_t>(g.out_h() * g.out_w() * ld));
    im2col(g, x.data(), 99, patches.data(), ld);
    for (int oy = 0; oy < g.out_h(); ++oy)
      for (int ox = 0; ox < g.out_w(); ++ox)
        for (int ky = 0; ky < g.kh; ++ky)
          for (int kx = 0; kx < g.kw; ++kx)
            for (int c = 0; c < g.c; ++c) {
              const int got = patches[static_cast<std::size_t>((oy * g.out_w() + ox) * ld +
                                                               (ky * g.kw + kx) * g.c + c)];
              REQUIRE(got == padded(g, x, oy * g.stride + ky - g.padding_h,
                                    ox * g.stride + kx - g.padding_w, c, 99));
            }
  }
}

TEST_CASE("pad_image: its windows without padding are those with") {
  for (const Window& g : kWindows) {
    const auto x = random_codes(image_size(g));
    const Window inside{
        g.h + 2 * g.padding_h, g.w + 2 * g.padding_w, g.c, g.kh, g.kw, g.stride, 0, 0};
    const auto n = static_cast<std::size_t>(g.out_h() * g.out_w() * g.depth());
    Buffer<std::uint8_t> padded(image_size(inside)), a(n), b(n);
    pad_image(g, x.data(), 99, padded.data());
    im2col(g, x.data(), 99, a.data(), g.depth());
    im2col(inside, padded.data(), 0, b.data(), g.depth());
    REQUIRE(std::equal(a.data(), a.data() + n, b.data()));
  }
}

TEST_CASE("im2col: in quads the rows are those of im2col, in the order of a sheet") {
  for (const Window& g : kWindows) {
    const auto x = random_codes(image_size(g));
    const std::ptrdiff_t ld = g.depth() + 15, windows = g.out_h() * g.out_w();
    const std::ptrdiff_t quads = (windows + 3) / 4;
    Buffer<std::uint8_t> rows(static_cast<std::size_t>(windows * ld));
    Buffer<std::uint8_t> sheet(static_cast<std::size_t>(4 * quads * ld));
    im2col(g, x.data(), 99, rows.data(), ld);
    im2col_quads(g, x.data(), 99, sheet.data(), ld);
    for (std::ptrdiff_t i = 0; i < windows; ++i) {
      const std::uint8_t* row = rows.data() + i * ld;
      REQUIRE(std::equal(row, row + g.depth(), sheet.data() + (4 * (i % quads) + i / quads) * ld));
    }
  }
}

TEST_CASE("col2im: in integers, strip by strip, gives what it gives in fp32") {
  for (const Window& g : kWindows) {
    const auto n = static_cast<std::size_t>(g.out_h() * g.out_w() * g.depth());
    const auto codes = random_codes(n);
    Buffer<float> patches(n), dx(image_size(g));
    Buffer<std::int32_t> int_patches(n), int_dx(image_size(g));
    for (std::size_t i = 0; i < n; ++i) {
      int_patches[i] = codes[i] - 100;
      patches[i] = static_cast<float>(int_patches[i]);
    }
    col2im(g, patches.data(), g.depth(), 0, g.out_h(), dx.data());
    for (int y = 0; y < g.out_h(); y += 2) {
      col2im(g, int_patches.data() + std::ptrdiff_t{y} * g.out_w() * g.depth(), g.depth(), y,
             std::min(y + 2, g.out_h()), int_dx.data());
    }
    for (std::size_t i = 0; i < dx.size(); ++i) {
      REQUIRE(dx[i] == static_cast<float>(int_dx[i]));
    }
  }
}

TEST_CASE("col2im: is the adjoint of im2col") {
  for (const Window& g : kWindows) {
    const auto codes = random_codes(image_size(g));
    Buffer<float> x(image_size(g)), dx(image_size(g));
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(codes[i]);
    const auto size = static_cast<std::size_t>(g.out_h() * g.out_w() * g.depth());
    Buffer<float> patches(size + 16), p(size + 16);
    im2col(g, x.data(), 0.0F, patches.data(), g.depth());
    Rng rng({.seed = 6});
    double left = 0, right = 0;
    for (std::size_t i = 0; i < size; ++i) {
      p[i] = static_cast<float>(rng.below(16));
      left += patches[i] * p[i];
    }
    col2im(g, p.data(), g.depth(), 0, g.out_h(), dx.data());
    for (std::size_t i = 0; i < x.size(); ++i) right += x[i] * dx[i];
    CHECK(left == right);  // small whole numbers: exact
  }
}

TEST_CASE("max_pool: takes the first maximum and sends the gradient there") {
  for (const Window& g : kWindows) {
    if (g.padding_h != 0 || g.padding_w != 0) continue;
    const auto x = random_codes(image_size(g));
    const auto out = static_cast<std::size_t>(g.out_h() * g.out_w() * g.c);
    Buffer<std::uint8_t> y(out), which(out);
    max_pool(g, x.data(), y.data(), which.data());
    Buffer<std::uint8_t> alone(out);
    max_pool(g, x.data(), alone.data(), nullptr);
    CHECK(std::equal(y.span().begin(), y.span().end(), alone.span().begin()));
    Buffer<float> dy(out), dx(image_size(g)), added(image_size(g));
    for (std::size_t k = 0; k < out; ++k) dy[k] = static_cast<float>(k + 1);
    for (auto& v : dx.span()) v = 7;
    for (auto& v : added.span()) v = 7;
    max_pool_backward(g, dy.data(), which.data(), false, dx.data());
    max_pool_backward(g, dy.data(), which.data(), true, added.data());
    Buffer<std::int8_t> residual(image_size(g)), gathered(out);
    for (std::size_t k = 0; k < residual.size(); ++k) residual[k] = static_cast<std::int8_t>(k);
    max_pool_gather(g, residual.data(), which.data(), gathered.data());
    Buffer<std::uint8_t> maxima(image_size(g));
    Buffer<std::int16_t> wide(out), maxima16(image_size(g));
    for (std::size_t k = 0; k < out; ++k) wide[k] = static_cast<std::int16_t>(200 * y[k] - 20000);
    const bool apart = g.kh <= g.stride && g.kw <= g.stride;
    if (apart) max_pool_scatter(g, y.data(), which.data(), 9, maxima.data());
    if (apart) max_pool_scatter(g, wide.data(), which.data(), maxima16.data());
    std::vector<bool> wins(image_size(g), false);
    std::vector<float> expected(image_size(g), 0.0F);
    std::size_t i = 0;
    for (int oy = 0; oy < g.out_h(); ++oy)
      for (int ox = 0; ox < g.out_w(); ++ox)
        for (int c = 0; c < g.c; ++c, ++i) {
          int best = -1, at = -1;
          for (int k = 0; k < g.kh * g.kw; ++k) {
            const int v = padded(g, x, oy * g.stride + k / g.kw, ox * g.stride + k % g.kw, c, 0);
            if (v > best) best = v, at = k;
          }
          REQUIRE(y[i] == best);
          REQUIRE(which[i] == at);
          const int from = (oy * g.stride + at / g.kw) * g.w + ox * g.stride + at % g.kw;
          expected[static_cast<std::size_t>(from * g.c + c)] += dy[i];
          wins[static_cast<std::size_t>(from * g.c + c)] = true;
          REQUIRE(gathered[i] == residual[static_cast<std::size_t>(from * g.c + c)]);
        }
    for (std::size_t k = 0; k < expected.size(); ++k) {
      REQUIRE(dx[k] == expected[k]);
      REQUIRE(added[k] == 7 + expected[k]);
      if (!apart) continue;
      REQUIRE(maxima[k] == (wins[k] ? x[k] : 9));
      REQUIRE(maxima16[k] == (wins[k] ? static_cast<std::int16_t>(200 * x[k] - 20000) : 0));
    }
  }
}

TEST_CASE("sum_pool and mean_pool: agree with each other and spread the gradient evenly") {
  const Window g{4, 6, 3, 2, 2, 2, 0, 0};
  const auto x = random_codes(image_size(g));
  const auto out = static_cast<std::size_t>(g.out_h() * g.out_w() * g.c);
  Buffer<std::int32_t> sums(out);
  sum_pool(g, x.data(), 5, sums.data());
  Buffer<float> real(image_size(g)), means(out), dx(image_size(g));
  for (std::size_t i = 0; i < real.size(); ++i) real[i] = static_cast<float>(x[i] - 5);
  mean_pool(g, real.data(), means.data());
  for (std::size_t i = 0; i < out; ++i) CHECK(means[i] == static_cast<float>(sums[i]) / 4);
  for (auto& v : means.span()) v = 1;
  for (const float expected : {0.25F, 0.5F}) {
    mean_pool_backward(g, means.data(), expected > 0.25F, dx.data());
    for (const float v : dx.span()) CHECK(v == expected);
  }
  const Window whole{4, 6, 70, 4, 6, 1, 0, 0};
  Buffer<float> ones(70), all(image_size(whole));
  for (auto& v : ones.span()) v = 1;
  for (const float expected : {1 / 24.0F, 2 / 24.0F}) {
    mean_pool_backward(whole, ones.data(), expected > 1 / 24.0F, all.data());
    for (const float v : all.span()) CHECK(v == expected);
  }
}

TEST_CASE("sum_pool: equals the formula, also where 16 bits are too few") {
  for (const Window& g : {Window{4, 6, 37, 2, 3, 1, 0, 0}, Window{16, 17, 16, 16, 16, 1, 0, 0},
                          Window{17, 17, 33, 17, 16, 1, 0, 0}}) {
    auto x = random_codes(image_size(g));
    for (std::size_t i = 0; i < x.size(); i += 2) x[i] = 255;
    const auto out = static_cast<std::size_t>(g.out_h() * g.out_w() * g.c);
    Buffer<std::int32_t> sums(out);
    sum_pool(g, x.data(), 5, sums.data());
    std::size_t i = 0;
    for (int oy = 0; oy < g.out_h(); ++oy)
      for (int ox = 0; ox < g.out_w(); ++ox)
        for (int c = 0; c < g.c; ++c, ++i) {
          int sum = 0;
          for (int k = 0; k < g.kh * g.kw; ++k) {
            sum += padded(g, x, oy + k / g.kw, ox + k % g.kw, c, 0) - 5;
          }
          REQUIRE(sums[i] == sum);
        }
  }
}
