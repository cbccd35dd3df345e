#include "sim/report/plot_axis.h"

#include <algorithm>
#include <cmath>

#include "sim/report/number.h"

namespace fedqat {
namespace {

double nice_step(double span, int count) {
  const double raw = span / count;
  const double power = std::pow(10, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (raw <= factor * power * (1 + 1e-9)) return factor * power;
  }
  return 10 * power;
}

// "15.0 MB" -> "15 MB".
std::string without_zeros(std::string text) {
  const std::size_t space = text.find(' ');
  if (space == text.npos || text.find('.') == text.npos) return text;
  std::size_t end = text.find_last_not_of('0', space - 1) + 1;
  if (text[end - 1] == '.') --end;
  return text.erase(end, space - end);
}

// Beyond this a picture has nothing to say, and steps would overflow.
constexpr double kLargest = 1e15;

}  // namespace

std::string in_unit(double x, Unit unit, double step) {
  const double shown_step = unit == Unit::kPercent ? 100 * step : step;
  const int digits = std::clamp(static_cast<int>(-std::floor(std::log10(shown_step) + 1e-9)), 0, 6);
  switch (unit) {
    case Unit::kPlain:
      return fixed(x, digits);
    case Unit::kPercent:
      return fixed(100 * x, digits) + " %";
    case Unit::kBytes:
      return without_zeros(bytes_text(x));
    case Unit::kMicroseconds:
      return fixed(x, digits) + " µs";
  }
  return {};
}

std::vector<double> Axis::ticks() const {
  std::vector<double> out;
  const double first = std::ceil(low / step - 1e-6);
  for (double i = first; i * step <= high + 1e-6 * step && out.size() < 1000; ++i) {
    out.push_back(i * step);
  }
  return out;
}

Axis nice_axis(double low, double high, int count) {
  if (!std::isfinite(low) || !std::isfinite(high) || low > high) return {0, 1, 0.2};
  low = std::clamp(low, -kLargest, kLargest);
  high = std::clamp(high, -kLargest, kLargest);
  const double least = std::max(1e-9, 1e-9 * std::max(std::abs(low), std::abs(high)));
  if (high - low < least) {
    const double around = std::max(0.5 * std::abs(low), 0.5);
    low -= around;
    high += around;
  }
  const double step = nice_step(high - low, count);
  return {std::floor(low / step + 1e-6) * step, std::ceil(high / step - 1e-6) * step, step};
}

Axis whole_axis(double low, double high, int count) {
  if (!std::isfinite(low) || !std::isfinite(high) || !(low < high)) return {low, low + 1, 1};
  return {low, high, std::max(1.0, std::round(nice_step(high - low, count)))};
}

}  // namespace fedqat
