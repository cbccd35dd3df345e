#include "sim/report/number.h"

#include <array>
#include <charconv>
#include <cmath>

namespace fedqat {

std::string fixed(double x, int digits) {
  std::array<char, 400> text;  // the greatest double has 309 digits before the point
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), x, std::chars_format::fixed, digits);
  std::string out(text.data(), end.ptr);
  const bool zero = out.find_first_not_of("-0.") == std::string::npos;
  return zero && out.front() == '-' ? out.substr(1) : out;
}

std::string percent(double share, int digits) { return fixed(100 * share, digits) + " %"; }

std::string grouped(std::uint64_t n) {
  std::string digits = std::to_string(n);
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
  return digits;
}

std::string bytes_text(double bytes) {
  static constexpr std::array kUnits = {"B", "kB", "MB", "GB", "TB", "PB"};
  std::size_t unit = 0;
  while (bytes >= 999.5 && unit + 1 < kUnits.size()) {
    bytes /= 1000;
    ++unit;
  }
  const int digits = unit == 0 || bytes >= 99.95 ? 0 : bytes >= 9.995 ? 1 : 2;
  return fixed(bytes, digits) + " " + kUnits[unit];
}

std::string seconds_text(double seconds) {
  if (!std::isfinite(seconds)) return "-";
  const bool whole_number = seconds == std::floor(seconds);
  if (seconds < 9.95 && !whole_number) return fixed(seconds, seconds < 0.0995 ? 3 : 1) + " s";
  const auto whole = static_cast<std::uint64_t>(std::llround(seconds));
  if (whole < 60) return std::to_string(whole) + " s";
  if (whole < 3600) return std::to_string(whole / 60) + " m " + std::to_string(whole % 60) + " s";
  return std::to_string(whole / 3600) + " h " + std::to_string(whole % 3600 / 60) + " m";
}

std::string ratio_text(double big, double small) {
  if (!(small > 0) || !std::isfinite(big)) return "-";
  const double ratio = big / small;
  return fixed(ratio, ratio < 10 ? 2 : 1) + "x";
}

}  // namespace fedqat
