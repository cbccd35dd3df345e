// Where an axis begins and ends, and the round numbers along it.
#pragma once

#include <string>
#include <vector>

namespace fedqat {

enum class Unit { kPlain, kPercent, kBytes, kMicroseconds };

std::string in_unit(double x, Unit unit, double step);  // as a tick label; step sets the digits

struct Axis {
  double low = 0;
  double high = 1;  // > low
  double step = 1;  // between ticks
  std::vector<double> ticks() const;
};

// The least axis with about `count` ticks at 1, 2 or 5 times a power of ten that holds [low, high].
// Non-finite or empty ranges become [0, 1].
Axis nice_axis(double low, double high, int count);

// For an axis that counts things: from low to high exactly, ticks at whole numbers.
Axis whole_axis(double low, double high, int count);

}  // namespace fedqat
