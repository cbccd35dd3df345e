#include "sim/report/number.h"

#include <catch2/catch.hpp>
#include <clocale>
#include <limits>
#include <locale>

#include "sim/report/metrics_csv.h"
#include "sim/report/plot_axis.h"
#include "tests/support/sample_report.h"

namespace fedqat {
namespace {

TEST_CASE("number: digits, groups and units are those a reader expects") {
  CHECK(fixed(0.5, 2) == "0.50");
  CHECK(fixed(-0.001, 2) == "0.00");
  CHECK(fixed(-0.01, 2) == "-0.01");
  CHECK(fixed(1e300, 0).size() == 301);
  CHECK(fixed(std::numeric_limits<double>::quiet_NaN(), 2) == "nan");
  CHECK(percent(0.97123) == "97.12 %");
  CHECK(grouped(0) == "0");
  CHECK(grouped(999) == "999");
  CHECK(grouped(1000) == "1,000");
  CHECK(grouped(18446744073709551615ULL) == "18,446,744,073,709,551,615");
  CHECK(bytes_text(0) == "0 B");
  CHECK(bytes_text(999) == "999 B");
  CHECK(bytes_text(1000) == "1.00 kB");
  CHECK(bytes_text(21608) == "21.6 kB");
  CHECK(bytes_text(999600) == "1.00 MB");
  CHECK(seconds_text(0.034) == "0.034 s");
  CHECK(seconds_text(1.26) == "1.3 s");
  CHECK(seconds_text(2) == "2 s");
  CHECK(seconds_text(192) == "3 m 12 s");
  CHECK(seconds_text(7500) == "2 h 5 m");
  CHECK(ratio_text(10, 4) == "2.50x");
  CHECK(ratio_text(10, 0) == "-");
}

class German : public std::numpunct<char> {
  char do_decimal_point() const override { return ','; }
  char do_thousands_sep() const override { return '.'; }
  std::string do_grouping() const override { return "\3"; }
};

TEST_CASE("number: no locale changes what is written") {
  const RunReport report = sample_report();
  const std::string csv = metrics_csv(report);
  const std::locale before = std::locale::global(std::locale(std::locale::classic(), new German));
  const char* const c_before = std::setlocale(LC_ALL, "de_DE.UTF-8");  // null where not installed
  const std::string text = fixed(1234.5, 1);
  const std::string csv_there = metrics_csv(report);
  if (c_before != nullptr) std::setlocale(LC_ALL, "C");
  std::locale::global(before);
  CHECK(text == "1234.5");
  CHECK(csv_there == csv);
}

TEST_CASE("axis: ticks are round numbers that hold the range, whatever the range") {
  const Axis a = nice_axis(0.531, 0.977, 5);
  CHECK(a.low == Approx(0.5));
  CHECK(a.high == Approx(1.0));
  CHECK(a.step == Approx(0.1));
  CHECK(a.ticks().size() == 6);
  const double inf = std::numeric_limits<double>::infinity();
  for (const auto& [low, high] : std::vector<std::pair<double, double>>{
           {0, 0}, {5, 5}, {-1e308, 1e308}, {inf, -inf}, {1, 1 + 1e-15}, {-3, -2}, {0, 1e-300}}) {
    CAPTURE(low, high);
    const Axis axis = nice_axis(low, high, 5);
    CHECK(axis.low < axis.high);
    CHECK(axis.step > 0);
    CHECK(axis.ticks().size() >= 2);
    CHECK(axis.ticks().size() <= 12);
  }
  CHECK(whole_axis(1, 30, 10).step == 5);
  CHECK(whole_axis(1, 2, 10).step == 1);
}

}  // namespace
}  // namespace fedqat
