// Per-channel loops over a matrix [rows, channels] whose rows are joined so that they fill vectors.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace fedqat {

// Elements begin .. begin + count - 1, in joined rows of `width` and what is before and behind
// them: visit(first element, rows, width, lane of the first element).
template <class Visit>
void for_joined(std::ptrdiff_t begin, std::ptrdiff_t count, int width, Visit visit) {
  const auto lane = static_cast<int>(begin % width);
  const std::ptrdiff_t head = lane > 0 ? std::min<std::ptrdiff_t>(count, width - lane) : 0;
  const std::ptrdiff_t rows = (count - head) / width, rest = count - head - rows * width;
  if (head > 0) visit(begin, 1, static_cast<int>(head), lane);
  if (rows > 0) visit(begin + head, rows, width, 0);
  if (rest > 0) visit(begin + count - rest, 1, static_cast<int>(rest), 0);
}

// sums[c] = sum of the lanes of channel c, in order.
inline void sum_lanes(const std::vector<float>& wide, int channels, float* sums) {
  std::fill_n(sums, channels, 0.0F);
  for (std::size_t i = 0; i < wide.size(); ++i)
    sums[i % static_cast<std::size_t>(channels)] += wide[i];
}

}  // namespace fedqat
