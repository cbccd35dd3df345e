#include "common/quant/weight_sharing.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <set>
#include <vector>

#include "common/base/rng.h"

using namespace fedqat;

namespace {

std::vector<float> gauss(int n) {
  Rng rng({.seed = 5});
  std::vector<float> w(static_cast<std::size_t>(n));
  for (float& v : w) v = static_cast<float>(rng.normal());
  return w;
}

double squared_error(const std::vector<float>& w, const SharedWeights& shared) {
  std::vector<float> back(w.size());
  expand(shared, back);
  double error = 0;
  for (std::size_t i = 0; i < w.size(); ++i) error += std::pow(double{w[i]} - back[i], 2);
  return error / static_cast<double>(w.size());
}

}  // namespace

TEST_CASE("weight sharing: error of Gaussian weights is that of the Lloyd-Max quantizer") {
  // [Max60], table I: minimum squared error of n levels for variance 1.
  struct Row {
    int entries;
    double error;
  };
  const auto w = gauss(200000);
  for (const Row row :
       {Row{2, 0.3634}, Row{4, 0.1175}, Row{8, 0.03454}, Row{16, 0.009497}, Row{32, 0.002499}}) {
    CAPTURE(row.entries);
    CHECK(squared_error(w, share_weights(w, row.entries, Spacing::kLloyd)) ==
          Approx(row.error).epsilon(0.03));
  }
  // Many entries approach pi sqrt(3) / (2 n^2) from below [PanterDite51].
  const double many = squared_error(w, share_weights(w, 256, Spacing::kLloyd)) * 65536;
  CHECK(many < 2.7207);
  CHECK(many > 0.9 * 2.7207);
}

TEST_CASE("weight sharing: even entries take 0.25 bits more than any code of the same error") {
  // 6 d / (pi e) = 2^(2 h - 2 r), h = 2.047 of a Gauss variable of variance 1 [GishPierce68].
  const auto w = gauss(200000);
  for (const int entries : {64, 256}) {
    const auto shared = share_weights(w, entries, Spacing::kEven);
    std::vector<double> count(shared.codebook.size());
    for (const auto i : shared.indices) ++count[i];
    double bits = 0;
    for (const double n : count) bits -= n / 200000 * std::log2(n / 200000);
    CAPTURE(entries);
    CHECK(bits + 0.5 * std::log2(squared_error(w, shared)) == Approx(0.2546).margin(0.01));
  }
}

TEST_CASE(
    "weight sharing: every weight has its nearest entry, entries are means of their weights") {
  const auto w = gauss(3000);
  const auto shared = share_weights(w, 16, Spacing::kLloyd);
  const auto& c = shared.codebook;
  REQUIRE(c.size() == 16);
  REQUIRE(std::is_sorted(c.begin(), c.end()));
  std::vector<double> sum(16), count(16);
  for (std::size_t i = 0; i < w.size(); ++i) {
    const auto nearest = std::min_element(c.begin(), c.end(), [&](float a, float b) {
      return std::abs(double{a} - w[i]) < std::abs(double{b} - w[i]);
    });
    CHECK(c[shared.indices[i]] == *nearest);
    sum[shared.indices[i]] += w[i];
    ++count[shared.indices[i]];
  }
  for (std::size_t j = 0; j < 16; ++j) CHECK(sum[j] / count[j] == Approx(c[j]).margin(1e-5));
}

TEST_CASE("weight sharing: small tensors get fewer entries") {
  CHECK(codebook_size(100, 256) == 16);
  CHECK(codebook_size(100, 4) == 4);
  CHECK(codebook_size(2400, 256) == 37);
  CHECK(codebook_size(1000000, 256) == 256);
}

TEST_CASE("weight sharing: few values stay as they are; sharing twice changes nothing") {
  const std::vector<float> w = {1, -2, 1, 0, -2, 1};
  const auto shared = share_weights(w, 3, Spacing::kLloyd);
  CHECK(shared.codebook == std::vector<float>{-2, 0, 1});
  CHECK(shared.indices == std::vector<std::uint8_t>{2, 0, 2, 1, 0, 2});
  CHECK(share_weights(std::vector<float>{0.5F}, 1, Spacing::kEven).codebook ==
        std::vector<float>{0.5F});
  CHECK(share_weights(w, 1, Spacing::kEven).codebook.size() == 1);

  const auto many = gauss(500);
  const auto once = share_weights(many, 200, Spacing::kEven);
  std::vector<float> back(many.size());
  expand(once, back);
  CHECK(share_weights(back, 200, Spacing::kEven).codebook == once.codebook);
  CHECK(std::set<float>(back.begin(), back.end()).size() == once.codebook.size());
}

TEST_CASE("weight sharing: weights of an entry get the mean of their gradients") {
  const SharedWeights shared{{-1, 0, 3}, {2, 0, 2, 1, 0, 2}};
  std::vector<float> gradient = {1, 2, 3, 4, 5, 5};
  mean_shared(shared, gradient);
  CHECK(gradient == std::vector<float>{3, 3.5, 3, 4, 3.5, 3});
}
