#include "common/kernels/batch_norm/batch_norm.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <vector>

#include "common/base/rng.h"

using namespace fedqat;
using namespace fedqat::kernels;

namespace {

using Floats = std::vector<float>;

Floats normals(std::size_t n, std::uint64_t seed) {
  Rng rng({.seed = seed});
  Floats x(n);
  for (float& v : x) v = static_cast<float>(rng.normal());
  return x;
}

bool same(const Floats& a, const Floats& b) {
  return std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

}  // namespace

TEST_CASE("batch norm: every kernel gives the bits of the plain loops") {
  constexpr std::size_t kRows = 7;
  for (const std::size_t channels : {1, 3, 4, 15, 16, 17, 64, 85}) {
    const Floats v = normals(kRows * channels, 1), dy = normals(v.size(), 2);
    const Floats mean = normals(channels, 3), inverse = normals(channels, 4);
    const Floats gamma = normals(channels, 5), beta = normals(channels, 6);
    const Floats scale = normals(channels, 7), shift = normals(channels, 8);
    const Floats turn = normals(channels, 9);
    for (const bool relu : {false, true}) {
      Floats sums(channels), squares(channels), first(channels), second(channels);
      Floats x(v.size()), y(v.size()), dv(v.size());
      for (std::size_t i = 0; i < v.size(); ++i) {
        const std::size_t c = i % channels;
        sums[c] += v[i];
        squares[c] += (v[i] - mean[c]) * (v[i] - mean[c]);
        x[i] = (v[i] - mean[c]) * inverse[c];
        y[i] = gamma[c] * x[i] + beta[c];
        if (relu && !(y[i] > 0)) y[i] = 0;
        const float d = relu && !(y[i] > 0) ? 0 : dy[i];
        first[c] += d;
        second[c] += d * x[i];
        dv[i] = scale[c] * (d - shift[c] - x[i] * turn[c]);
      }
      for (const BatchNormKernels& k : batch_norm_kernels()) {
        if (!cpu_has(k.isa)) continue;
        INFO(k.name << " channels=" << channels << " relu=" << relu);
        const auto n = static_cast<int>(channels);
        const BatchNormKernels::Normal normal{mean.data(), inverse.data(), gamma.data(),
                                              beta.data(), relu};
        Floats a(channels), b(channels), got_y(v.size()), in_place = v, got_dv = dy;
        k.sum(v.data(), kRows, n, a.data());
        k.sum_squares(v.data(), mean.data(), kRows, n, b.data());
        CHECK(same(a, sums));
        CHECK(same(b, squares));
        k.normalize(normal, v.data(), kRows, n, got_y.data());
        CHECK(same(got_y, y));
        k.normalize(normal, in_place.data(), kRows, n, in_place.data());
        CHECK(same(in_place, y));
        k.backward_sums(normal, v.data(), dy.data(), kRows, n, a.data(), b.data());
        CHECK(same(a, first));
        CHECK(same(b, second));
        k.backward(normal, {scale.data(), shift.data(), turn.data()}, v.data(), kRows, n,
                   got_dv.data());
        CHECK(same(got_dv, dv));
      }
    }
  }
}
