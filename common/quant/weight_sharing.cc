#include "common/quant/weight_sharing.h"

#include <algorithm>
#include <array>

#include "common/base/check.h"
#include "common/base/exact_math.h"

namespace fedqat {
namespace {

constexpr int kMaxIterations = 200;

// Sorted weights; the sum of any range of them is one subtraction.
class Sorted {
 public:
  explicit Sorted(std::span<const float> w) : values_(w.begin(), w.end()) {
    std::sort(values_.begin(), values_.end());
    sums_.reserve(values_.size() + 1);
    sums_.push_back(0);
    for (const float v : values_) sums_.push_back(sums_.back() + v);
  }
  const std::vector<float>& values() const { return values_; }
  std::size_t below(double bound) const {
    const auto at = std::partition_point(values_.begin(), values_.end(),
                                         [&](float v) { return double{v} < bound; });
    return static_cast<std::size_t>(at - values_.begin());
  }
  float mean(std::size_t begin, std::size_t end) const {
    return static_cast<float>((sums_[end] - sums_[begin]) / static_cast<double>(end - begin));
  }

 private:
  std::vector<float> values_;
  std::vector<double> sums_;
};

std::vector<float> even_entries(const std::vector<float>& distinct, std::size_t entries) {
  const double low = distinct.front();
  const double step = (double{distinct.back()} - low) / static_cast<double>(entries);
  std::vector<float> out;
  for (std::size_t j = 0; j < entries; ++j) {
    out.push_back(static_cast<float>(low + step * (static_cast<double>(j) + 0.5)));
  }
  return out;
}

// Entries as dense as the cube root of the weights' own density, which is best for many entries
// [PanterDite51]: at equal parts of the summed gap^(2/3) between neighbours.
std::vector<float> dense_entries(const std::vector<float>& distinct, std::size_t entries) {
  std::vector<double> position = {0};
  for (std::size_t i = 1; i < distinct.size(); ++i) {
    const double gap = double{distinct[i]} - distinct[i - 1];
    position.push_back(position.back() + exact_exp2(exact_log2(gap) * (2.0 / 3)));
  }
  std::vector<float> out;
  for (std::size_t j = 0; j < entries; ++j) {
    const double part = (static_cast<double>(j) + 0.5) / static_cast<double>(entries);
    const auto at = std::lower_bound(position.begin(), position.end(), part * position.back());
    out.push_back(distinct[static_cast<std::size_t>(at - position.begin())]);
  }
  return out;
}

// Where each entry's weights begin among the sorted ones: halfway between neighbours.
std::vector<std::size_t> borders(const Sorted& w, const std::vector<float>& entries) {
  std::vector<std::size_t> out = {0};
  for (std::size_t j = 1; j < entries.size(); ++j) {
    out.push_back(w.below((double{entries[j - 1]} + entries[j]) / 2));
  }
  out.push_back(w.values().size());
  return out;
}

// Means of the entries' weights; entries without any are dropped.
std::vector<float> means(const Sorted& w, const std::vector<std::size_t>& border) {
  std::vector<float> out;
  for (std::size_t j = 0; j + 1 < border.size(); ++j) {
    if (border[j] == border[j + 1]) continue;
    const float mean = w.mean(border[j], border[j + 1]);
    if (out.empty() || mean > out.back()) out.push_back(mean);
  }
  return out;
}

}  // namespace

int codebook_size(std::size_t n, int wanted) {
  return std::min(wanted, static_cast<int>(std::clamp<std::size_t>(n / 64, 16, kMaxCodebook)));
}

SharedWeights share_weights(std::span<const float> w, int entries, Spacing spacing) {
  FEDQAT_CHECK(!w.empty() && entries >= 1 && entries <= kMaxCodebook);
  const Sorted sorted(w);
  std::vector<float> codebook = sorted.values();
  codebook.erase(std::unique(codebook.begin(), codebook.end()), codebook.end());
  if (const auto most = static_cast<std::size_t>(entries); codebook.size() > most) {
    const bool even = spacing == Spacing::kEven;
    codebook = even ? even_entries(codebook, most) : dense_entries(codebook, most);
    codebook.erase(std::unique(codebook.begin(), codebook.end()), codebook.end());
    for (int i = 0; i < (even ? 1 : kMaxIterations); ++i) {
      auto next = means(sorted, borders(sorted, codebook));
      if (next == codebook) break;
      codebook = std::move(next);
    }
  }
  SharedWeights shared{std::move(codebook), {}};
  shared.indices.reserve(w.size());
  for (const float v : w) {
    const auto& c = shared.codebook;
    auto at = std::lower_bound(c.begin(), c.end(), v);
    // The nearest; of two equally near the upper, as borders() has it.
    if (at == c.end() || (at != c.begin() && double{v} < (double{*(at - 1)} + *at) / 2)) --at;
    shared.indices.push_back(static_cast<std::uint8_t>(at - c.begin()));
  }
  return shared;
}

void expand(const SharedWeights& shared, std::span<float> out) {
  FEDQAT_CHECK(out.size() == shared.indices.size());
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = shared.codebook[shared.indices[i]];
}

void mean_shared(const SharedWeights& shared, std::span<float> values) {
  FEDQAT_CHECK(shared.indices.size() == values.size());
  std::array<double, kMaxCodebook> sums{};
  std::array<std::uint32_t, kMaxCodebook> counts{};
  for (std::size_t i = 0; i < values.size(); ++i) {
    sums[shared.indices[i]] += values[i];
    ++counts[shared.indices[i]];
  }
  for (std::size_t j = 0; j < shared.codebook.size(); ++j) sums[j] /= counts[j];
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(sums[shared.indices[i]]);
  }
}

}  // namespace fedqat
