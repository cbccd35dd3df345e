// Times of functions that are to be compared, on a machine that others use too.
#pragma once

#include <time.h>

#include <algorithm>
#include <functional>
#include <vector>

namespace fedqat {

inline double cpu_seconds() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

// Seconds of one call in the thread's CPU time, the median of samples taken in turn with the
// others'.
inline std::vector<double> medians(const std::vector<std::function<void()>>& sides) {
  constexpr int kSamples = 21;
  constexpr double kSampleSeconds = 0.004;
  std::vector<std::vector<double>> seconds(sides.size());
  std::vector<int> calls(sides.size(), 1);
  for (std::size_t s = 0; s < sides.size(); ++s) {
    sides[s]();
    const double begin = cpu_seconds();
    int n = 0;
    while (cpu_seconds() - begin < kSampleSeconds) sides[s](), ++n;
    calls[s] = n;
  }
  for (int i = 0; i < kSamples; ++i) {
    for (std::size_t s = 0; s < sides.size(); ++s) {
      const double begin = cpu_seconds();
      for (int n = 0; n < calls[s]; ++n) sides[s]();
      seconds[s].push_back((cpu_seconds() - begin) / calls[s]);
    }
  }
  std::vector<double> result;
  for (auto& s : seconds) {
    std::nth_element(s.begin(), s.begin() + kSamples / 2, s.end());
    result.push_back(s[kSamples / 2]);
  }
  return result;
}

}  // namespace fedqat
