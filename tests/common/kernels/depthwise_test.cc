#include "common/kernels/depthwise/depthwise.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <vector>

#include "common/base/rng.h"
#include "common/kernels/elementwise/elementwise.h"
#include "common/tensor/buffer.h"

using namespace fedqat;
using namespace fedqat::kernels;

namespace {

std::vector<Window> windows() {
  std::vector<Window> all;
  for (const int c : {1, 3, 4, 7, 8, 9, 15, 16, 17, 32, 33, 64}) {
    all.push_back({6, 5, c, 3, 3, 1, 1, 1});
    all.push_back({7, 4, c, 2, 3, 2, 0, 1});
    all.push_back({5, 6, c, 1, 1, 1, 0, 0});
  }
  all.push_back({25, 5, 64, 3, 3, 1, 1, 1});
  all.push_back({3, 150, 70, 3, 3, 2, 1, 1});  // more than a block of channels, and of columns
  all.push_back({4, 130, 130, 4, 5, 1, 2, 2});
  all.push_back({2, 2, 5, 5, 4, 1, 4, 3});  // windows that lie wholly outside
  all.push_back({1, 20, 6, 1, 7, 3, 0, 3});
  all.push_back({17, 18, 3, 16, 16, 1, 0, 0});  // kMaxTaps
  return all;
}

// Where 3 x 3 windows come in strips: sides with and without padding, several strips, remainders.
std::vector<Window> strips() {
  std::vector<Window> all;
  for (const int c : {8, 16, 32}) {
    for (const int w : {1, 2, 3, 4, 6, 7, 10, 11, 13}) {
      for (const int h : {1, 2, 4}) {
        for (const int ph : {0, 1, 2}) {
          for (const int pw : {0, 1, 2}) {
            const Window g{h, w, c, 3, 3, 1, ph, pw};
            if (h + 2 * ph >= 3 && w + 2 * pw >= 3) all.push_back(g);
          }
        }
      }
    }
  }
  return all;
}

struct Sizes {
  explicit Sizes(const Window& g)
      : in(static_cast<std::size_t>(g.h * g.w * g.c)),
        out(static_cast<std::size_t>(g.out_h() * g.out_w() * g.c)),
        taps(static_cast<std::size_t>(g.kh * g.kw)),
        width(static_cast<std::size_t>(depthwise_width(g.c))) {}
  std::size_t in, out, taps, width;
};

Buffer<float> random_floats(std::size_t n, std::uint64_t seed) {
  Rng rng({.seed = seed});
  Buffer<float> x(n);
  for (auto& v : x.span()) v = static_cast<float>(rng.normal());
  return x;
}

template <class T>
bool same(const Buffer<T>& a, const Buffer<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

// a: window and x.
void check_columns(const DepthwiseKernel& kernel, DepthwiseColumns a, const std::int8_t* w,
                   const std::int32_t* start, const std::int32_t* acc) {
  const auto width = static_cast<std::size_t>(columns_width(a.window.c));
  const auto channels = static_cast<std::size_t>(a.window.c);
  const Sizes n(a.window);
  Buffer<std::int8_t> packed(width * static_cast<std::size_t>(a.window.kw) * kColumnRows);
  pack_columns(a.window, w, packed.data());
  std::vector<std::int32_t> places(width);
  std::vector<float> mult(channels), mult_places(width);
  for (std::size_t c = 0; c < channels; ++c) {
    const auto place = static_cast<std::size_t>(column_place(static_cast<int>(c)));
    places[place] = start[c];
    mult_places[place] = mult[c] = 1e-4F * static_cast<float>(c % 7 + 1);
  }
  for (const OutputGrid grid : {OutputGrid{100, 0, 255}, OutputGrid{3, 3, 15}}) {
    std::vector<std::uint8_t> y(n.out + 1, 77), expected(n.out + kSlackBytes);
    a.w = packed.data(), a.start = places.data(), a.mult = mult_places.data(), a.grid = grid;
    a.y = y.data();
    kernel.forward_columns(a);
    elementwise().requantize(acc, static_cast<std::ptrdiff_t>(n.out / channels), a.window.c,
                             mult.data(), grid, expected.data());
    CHECK(std::equal(y.begin(), y.end() - 1, expected.begin()));
    CHECK(y.back() == 77);
  }
}

void check_codes(const Window& g, int zero, bool extreme) {
  const Sizes n(g);
  Rng rng({.seed = n.in});
  Buffer<std::uint8_t> x(n.in), outside(n.width);
  Buffer<std::int8_t> w(n.taps * static_cast<std::size_t>(g.c));
  Buffer<std::int32_t> start(n.width);
  for (auto& v : x.span()) v = extreme ? 255 : static_cast<std::uint8_t>(rng.below(256));
  for (auto& v : outside.span()) v = static_cast<std::uint8_t>(zero);
  for (auto& v : w.span()) {
    v = extreme ? std::int8_t{-127}
                : static_cast<std::int8_t>(static_cast<int>(rng.below(255)) - 127);
  }
  for (int c = 0; c < g.c; ++c) {
    start[static_cast<std::size_t>(c)] =
        extreme ? -(1 << 30) - (1 << 23)
                : static_cast<std::int32_t>(rng.below(1 << 20)) - (1 << 19);
  }
  Buffer<std::int16_t> packed(packed_depthwise_size(g));
  pack_depthwise(g, w.data(), packed.data());
  const auto run = [&](auto kernel) {
    Buffer<std::int32_t> acc(n.out);
    kernel(DepthwiseCodes{g, x.data(), outside.data(), packed.data(), start.data(), acc.data()});
    return acc;
  };
  const auto expected = run([&](const DepthwiseCodes& a) { depthwise_reference(a, w.data()); });
  for (const DepthwiseKernel& kernel : depthwise_kernels()) {
    if (!cpu_has(kernel.isa)) continue;
    INFO(kernel.name << " " << g.h << "x" << g.w << "x" << g.c << " by " << g.kh << "x" << g.kw);
    CHECK(same(run(kernel.forward_codes), expected));
    if (kernel.forward_columns == nullptr || !fits_columns(g)) continue;
    check_columns(kernel, {g, x.data(), outside.data(), nullptr, nullptr, nullptr, {}, nullptr},
                  w.data(), start.data(), expected.data());
  }
}

using Pass = void (*)(const DepthwiseReal&);

void check_real(const Window& g, bool codes, bool add) {
  const Sizes n(g);
  const auto x = random_floats(n.in, 1), w = random_floats(n.taps * n.width, 2);
  const auto dy = random_floats(n.out, 3);
  Buffer<std::uint8_t> x_codes(n.in);
  Rng rng({.seed = 4});
  for (auto& v : x_codes.span()) v = static_cast<std::uint8_t>(rng.below(256));
  struct Results {
    Buffer<float> y, dw, dx;
  };
  const auto run = [&](Pass forward, Pass weights, Pass input) {
    Results r{Buffer<float>(n.out), random_floats(n.taps * n.width, 5), random_floats(n.in, 6)};
    const DepthwiseReal a{.window = g,
                          .x = codes ? nullptr : x.data(),
                          .x_codes = x_codes.data(),
                          .x_zero = 31,
                          .w = w.data(),
                          .y = r.y.data(),
                          .dy = dy.data(),
                          .dw = r.dw.data(),
                          .dx = r.dx.data(),
                          .add = add};
    forward(a), weights(a), input(a);
    for (std::size_t t = 0; t < n.taps; ++t) {  // what is beyond the channels means nothing
      for (auto c = static_cast<std::size_t>(g.c); c < n.width; ++c) r.dw[t * n.width + c] = 0;
    }
    return r;
  };
  const auto expected =
      run(depthwise_reference_forward, depthwise_reference_weights, depthwise_reference_input);
  for (const DepthwiseKernel& k : depthwise_kernels()) {
    if (!cpu_has(k.isa)) continue;
    INFO(k.name << " " << g.h << "x" << g.w << "x" << g.c << " by " << g.kh << "x" << g.kw
                << " padded " << g.padding_h << ", " << g.padding_w << (add ? " added" : ""));
    const auto got = run(k.forward_real, k.weight_gradient, k.input_gradient);
    CHECK(same(got.y, expected.y));
    CHECK(same(got.dw, expected.dw));
    CHECK(same(got.dx, expected.dx));
  }
}

}  // namespace

TEST_CASE("depthwise: every kernel's codes equal the formula, below, at and above vector widths") {
  for (const Window& g : windows()) {
    for (const int zero : {0, 77, 255}) check_codes(g, zero, false);
  }
}

TEST_CASE("depthwise: the largest codes in the largest window do not overflow") {
  check_codes({17, 18, 3, 16, 16, 1, 0, 0}, 255, true);
  check_codes({3, 3, 20, 3, 3, 1, 1, 1}, 255, true);
}

TEST_CASE("depthwise: every kernel gives the bits of the plain chains of multiply-adds") {
  for (const Window& g : windows()) {
    for (const bool codes : {false, true}) check_real(g, codes, codes);
  }
  for (const Window& g : strips()) {
    for (const bool add : {false, true}) check_real(g, false, add);
  }
}

TEST_CASE("depthwise: input gradient is the adjoint of the forward pass") {
  const Window g{6, 5, 9, 3, 2, 2, 1, 1};
  const Sizes n(g);
  Rng rng({.seed = 9});
  const auto whole = [&](std::size_t size) {
    Buffer<float> v(size);
    for (auto& x : v.span()) x = static_cast<float>(rng.below(16));
    return v;
  };
  const auto x = whole(n.in), w = whole(n.taps * n.width), dy = whole(n.out);
  Buffer<float> y(n.out), dx(n.in);
  const DepthwiseReal a{
      .window = g, .x = x.data(), .w = w.data(), .y = y.data(), .dy = dy.data(), .dx = dx.data()};
  depthwise_kernel().forward_real(a);
  depthwise_kernel().input_gradient(a);
  double left = 0, right = 0;
  for (std::size_t i = 0; i < n.out; ++i) left += double{y[i]} * double{dy[i]};
  for (std::size_t i = 0; i < n.in; ++i) right += double{x[i]} * double{dx[i]};
  CHECK(left == right);  // small whole numbers: exact
}
