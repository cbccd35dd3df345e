#include "common/nn/layers/conv_real.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>

#include "common/base/rng.h"

using namespace fedqat;

namespace {

Buffer<float> random_floats(std::size_t n, std::uint64_t seed) {
  Rng rng({.seed = seed});
  Buffer<float> x(n);
  for (auto& v : x.span()) v = static_cast<float>(rng.normal());
  return x;
}

Step conv_step(const kernels::Window& g, int channels) {
  Step s{};
  s.op = Op::kConv2d;
  s.in = {g.h, g.w, g.c};
  s.out = {g.out_h(), g.out_w(), channels};
  s.kernel_h = g.kh;
  s.kernel_w = g.kw;
  s.stride = g.stride;
  s.padding_h = g.padding_h;
  s.padding_w = g.padding_w;
  return s;
}

// visit(output position, element of the window, pixel's place in the image)
template <class Visit>
void for_windows(const kernels::Window& g, Visit visit) {
  for (int o = 0; o < g.out_h() * g.out_w(); ++o) {
    for (int k = 0; k < g.depth(); ++k) {
      const int y = o / g.out_w() * g.stride + k / g.c / g.kw - g.padding_h;
      const int x = o % g.out_w() * g.stride + k / g.c % g.kw - g.padding_w;
      if (y < 0 || x < 0 || y >= g.h || x >= g.w) continue;
      visit(static_cast<std::size_t>(o), static_cast<std::size_t>(k),
            static_cast<std::size_t>((y * g.w + x) * g.c + k % g.c));
    }
  }
}

bool same(const Buffer<float>& a, const Buffer<float>& b) {
  return std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

}  // namespace

TEST_CASE("fp32 convolution: products have the bits of chains over windows, positions, channels") {
  const kernels::Window windows[] = {
      {9, 8, 1, 5, 5, 1, 2, 2},   // unfolded for the weights
      {7, 9, 6, 5, 5, 1, 0, 0},   // where they lie, vectors not full
      {6, 5, 32, 3, 3, 1, 1, 1},  // with padding
      {5, 5, 19, 1, 1, 1, 0, 0},  // pointwise
      {9, 7, 8, 3, 2, 2, 1, 0},   // stride
      {4, 6, 5, 1, 1, 2, 0, 0},  {12, 10, 1, 10, 4, 2, 5, 1},
  };
  Buffer<float> scratch(kernels::kSgemmScratch);
  for (const kernels::Window& g : windows) {
    for (const int channels : {6, 33, 64}) {
      const Step step = conv_step(g, channels);
      const auto n = static_cast<std::size_t>(channels),
                 fan_in = static_cast<std::size_t>(g.depth());
      const auto w = random_floats(n * fan_in, 1), x = random_floats(step.in.size(), 2);
      const auto dv = random_floats(step.out.size(), 3), bias = random_floats(n, 6);
      Buffer<float> y(step.out.size()), dw(n * fan_in), dx(step.in.size());
      dw = random_floats(n * fan_in, 4);
      for_windows(g, [&](std::size_t o, std::size_t k, std::size_t at) {
        float share = 0;
        for (std::size_t c = 0; c < n; ++c) {
          float& sum = y[o * n + c];
          sum = std::fma(x[at], w[c * fan_in + k], sum);
          float& d = dw[c * fan_in + k];
          d = std::fma(dv[o * n + c], x[at], d);
          share = std::fma(dv[o * n + c], w[c * fan_in + k], share);
        }
        dx[at] += share;
      });
      INFO("window " << g.h << "x" << g.w << "x" << g.c << ", channels " << channels);
      ConvReal conv(step);
      conv.load(w.data());
      Buffer<float> got_y(step.out.size()), got_dw = random_floats(n * fan_in, 4);
      auto got_dx = random_floats(step.in.size(), 5);
      conv.forward(x.data(), bias.data(), 0, got_y.data(), scratch.data());
      for (std::size_t i = 0; i < y.size(); ++i) y[i] = std::max(y[i] + bias[i % n], 0.0F);
      CHECK(same(got_y, y));
      conv.weight_gradient(dv.data(), x.data(), true, got_dw.data(), scratch.data());
      CHECK(same(got_dw, dw));
      conv.input_gradient(dv.data(), w.data(), false, got_dx.data(), scratch.data());
      CHECK(same(got_dx, dx));
    }
  }
}

TEST_CASE("fp32 convolution: codes count as their distance from the zero point") {
  const kernels::Window g{6, 5, 3, 3, 3, 1, 1, 1};
  const Step step = conv_step(g, 8);
  Buffer<std::uint8_t> codes(step.in.size());
  Buffer<float> x(step.in.size());
  Rng rng({.seed = 1});
  for (std::size_t i = 0; i < codes.size(); ++i) {
    codes[i] = static_cast<std::uint8_t>(rng.below(256));
    x[i] = static_cast<float>(codes[i] - 100);
  }
  const auto dv = random_floats(step.out.size(), 3);
  const auto weights = 8 * static_cast<std::size_t>(g.depth());
  Buffer<float> scratch(kernels::kSgemmScratch), a(weights), b(weights);
  ConvReal conv(step);
  conv.weight_gradient(dv.data(), x.data(), false, a.data(), scratch.data());
  conv.weight_gradient(dv.data(), codes.data(), 100, false, b.data(), scratch.data());
  CHECK(same(a, b));
}
