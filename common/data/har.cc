#include "common/data/har.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "common/data/input_grid.h"
#include "common/data/npy.h"

namespace fedqat {
namespace {

constexpr int kSamples = 128;
constexpr int kChannels = 6;  // three of acceleration, three of rotation
constexpr int kClasses = 6;
// Raw integers: 720 are 1 g, 1 is 0.00030543262 rad/s.
constexpr double kAccelerationScale = 127 / (2 * 720.0);
constexpr double kRotationScale = 127 * 0.00030543262 / 4;

std::uint8_t code(Bytes::const_iterator raw, std::size_t channel) {
  const auto value = static_cast<std::int16_t>(std::to_integer<unsigned>(raw[0]) |
                                               std::to_integer<unsigned>(raw[1]) << 8);
  const double scale = channel < 3 ? kAccelerationScale : kRotationScale;
  return static_cast<std::uint8_t>(std::clamp(std::lrint(128 + value * scale), 0L, 255L));
}

Result<Dataset> load_part(Fs& fs, const std::filesystem::path& dir, const std::string& part) {
  const auto windows = read_npy(fs, dir / (part + "_X_i16.npy"), "<i2");
  if (!windows) return windows.error();
  const auto labels = read_npy(fs, dir / (part + "_y.npy"), "|u1");
  if (!labels) return labels.error();
  const auto subjects = read_npy(fs, dir / (part + "_subject.npy"), "|u1");
  if (!subjects) return subjects.error();
  const std::size_t n = windows->dims[0];
  if (windows->dims != std::vector<std::size_t>{n, kSamples, kChannels} ||
      labels->dims != std::vector<std::size_t>{n} || subjects->dims != labels->dims) {
    return Error{Errc::kCorrupt, (dir / (part + "_X_i16.npy")).string() +
                                     ": expected n windows of 128 x 6 and n labels and subjects"};
  }
  Dataset data{"har", {1, kSamples, kChannels}, kClasses, {}, {}, {}, {}};
  const std::size_t values = data.shape.size();
  for (std::size_t i = 0; i < n; ++i) {
    const auto label = std::to_integer<unsigned>(labels->elements[i]);
    if (label < 1 || label > kClasses) continue;
    data.labels.push_back(static_cast<std::uint8_t>(label - 1));
    data.owners.push_back(std::to_integer<std::uint32_t>(subjects->elements[i]));
    for (std::size_t k = 0; k < values; ++k) {
      const auto at = static_cast<std::ptrdiff_t>(2 * (i * values + k));
      data.codes.push_back(code(windows->elements.begin() + at, k % kChannels));
    }
  }
  if (data.size() == 0) {
    return Error{Errc::kCorrupt, (dir / (part + "_y.npy")).string() + ": no label from 1 to 6"};
  }
  return data;
}

}  // namespace

Result<DataSplit> load_har(Fs& fs, const std::filesystem::path& dir) {
  auto train = load_part(fs, dir, "train");
  if (!train) return train.error();
  auto test = load_part(fs, dir, "test");
  if (!test) return test.error();
  train->grid = test->grid = fit_input_grid(train->codes);
  return DataSplit{std::move(*train), std::move(*test), {}};
}

}  // namespace fedqat
