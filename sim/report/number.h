// Numbers as people read them, the same in every locale.
#pragma once

#include <cstdint>
#include <string>

namespace fedqat {

std::string fixed(double x, int digits);            // "0.50"; "nan" and "inf" as words
std::string percent(double share, int digits = 2);  // 0.9712 -> "97.12 %"
std::string grouped(std::uint64_t n);               // "1,234,567"
std::string bytes_text(double bytes);               // "312 B", "4.2 kB", "1.25 MB": powers of 1000
std::string seconds_text(double seconds);           // "0.4 s", "3 m 12 s", "2 h 5 m"
std::string ratio_text(double big, double small);   // "3.9x"; "-" when small is not positive

}  // namespace fedqat
