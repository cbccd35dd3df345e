#include "common/data/digits.h"

#include <vector>

#include "common/base/rng.h"
#include "common/data/idx.h"
#include "common/data/input_grid.h"

namespace fedqat {

// Written by embed.cmake.
extern const std::span<const unsigned char> digits_images;
extern const std::span<const unsigned char> digits_labels;

namespace {

constexpr std::size_t kTestSamples = 360;

PackedFile embedded(const char* name, std::span<const unsigned char> bytes) {
  const ByteView view = std::as_bytes(bytes);
  return {name, Bytes(view.begin(), view.end())};
}

// Every 1797/360-th of the samples sorted by class and, within a class, shuffled: each class gives
// its share to within one sample.
std::vector<bool> choose_test(const Dataset& all) {
  std::vector<std::vector<std::size_t>> groups(static_cast<std::size_t>(all.classes));
  for (std::size_t i = 0; i < all.size(); ++i) groups[all.labels[i]].push_back(i);
  std::vector<bool> chosen(all.size());
  std::size_t rank = 0;
  for (std::uint32_t g = 0; g < groups.size(); ++g) {
    Rng rng({.seed = 0, .client = g, .purpose = Purpose::kSplit});
    shuffle(groups[g], rng);
    for (const std::size_t i : groups[g]) {
      const std::size_t before = rank * kTestSamples / all.size();
      ++rank;
      chosen[i] = rank * kTestSamples / all.size() != before;
    }
  }
  return chosen;
}

}  // namespace

DataSplit load_digits() {
  const auto all = idx_dataset(embedded("built-in digits (images)", digits_images),
                               embedded("built-in digits (labels)", digits_labels), nullptr,
                               {.name = "digits", .classes = 10, .grid = {}});
  FEDQAT_CHECK(all);
  DataSplit split;
  for (Dataset* part : {&split.train, &split.test}) {
    part->name = all->name;
    part->shape = all->shape;
    part->classes = all->classes;
    part->grid = make_input_grid(0.2873, 0.3539);  // of all 1,797 samples
  }
  const std::vector<bool> is_test = choose_test(*all);
  for (std::size_t i = 0; i < all->size(); ++i) {
    Dataset& part = is_test[i] ? split.test : split.train;
    for (const std::uint8_t value : all->sample(i)) {
      part.codes.push_back(static_cast<std::uint8_t>(15 * value));
    }
    part.labels.push_back(all->labels[i]);
  }
  return split;
}

}  // namespace fedqat
