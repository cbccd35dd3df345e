#include "common/nn/latency.h"

#include <algorithm>
#include <chrono>
#include <vector>

namespace fedqat {

double latency_us(Engine& engine, const Dataset& data, int batch) {
  if (data.size() == 0) return 0;
  constexpr int kWarmUp = 10;
  constexpr int kRepeats = 300;
  constexpr double kBudgetUs = 300000;  // slow models get fewer repeats
  std::vector<std::uint8_t> codes;
  for (std::size_t i = 0; i < static_cast<std::size_t>(batch); ++i) {
    const auto sample = data.sample(i % data.size());
    codes.insert(codes.end(), sample.begin(), sample.end());
  }
  std::vector<double> times;
  double spent = 0;
  for (int i = 0; i < kWarmUp + kRepeats && (spent < kBudgetUs || times.size() < 3); ++i) {
    const auto start = std::chrono::steady_clock::now();
    engine.run(codes.data(), batch);
    const std::chrono::duration<double, std::micro> taken =
        std::chrono::steady_clock::now() - start;
    spent += taken.count();
    if (i >= kWarmUp || spent > kBudgetUs) times.push_back(taken.count());
  }
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

}  // namespace fedqat
