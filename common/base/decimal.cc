#include "common/base/decimal.h"

#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace fedqat {

std::string decimal(double x) {
  std::array<char, 40> text{};
  const auto print = [&](const char* format, int digits) {
    std::snprintf(text.data(), text.size(), format, digits, x);
  };
  if (x == std::trunc(x) && std::abs(x) < 1e15) {
    print("%.*f", 0);
    return text.data();
  }
  for (int digits = 1; digits <= 17; ++digits) {
    print("%.*g", digits);
    if (std::strtod(text.data(), nullptr) == x) break;
  }
  return text.data();
}

}  // namespace fedqat
