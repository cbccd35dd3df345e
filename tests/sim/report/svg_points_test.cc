#include "sim/report/svg_points.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <regex>

namespace fedqat {
namespace {

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++n;
  return n;
}

TEST_CASE("points: the Pareto front holds those that no other beats in both directions") {
  CHECK(pareto_front({}).empty());
  // Small x and great y are good. Of equal points the first stands for all.
  const std::vector<Point> points = {{"dear", 9, 0.95},  {"best", 5, 0.97},   {"cheap", 1, 0.90},
                                     {"beaten", 5, 0.9}, {"middle", 3, 0.93}, {"twin", 3, 0.93},
                                     {"worse", 1, 0.5}};
  CHECK(pareto_front(points) == std::vector<std::size_t>{2, 4, 1});
}

TEST_CASE("points: a front, error bars, names and a legend of the groups") {
  PointPlot plot{.x_label = "bytes",
                 .x_unit = Unit::kBytes,
                 .y_unit = Unit::kPercent,
                 .x_log = true,
                 .front = true};
  plot.points = {{"a", 1e6, 0.9, 0.01, 0, "qat"},
                 {"b", 5e7, 0.99, 0, 0, "qat"},
                 {"c", 5e7, 0.8, 0.3, 1, "ptq"}};
  const std::string svg = svg_points(plot);
  CHECK(count(svg, "class=\"front\"") == 1);
  CHECK(count(svg, "<circle") == 3);
  CHECK(count(svg, "stroke-width:1.6") == 2);
  CHECK(count(svg, "class=\"point\"") == 3);
  CHECK(count(svg, "class=\"box\"") == 2);
  for (const char* tick : {">1 MB<", ">10 MB<", ">50 MB<", ">90 %<", ">99 %<"}) {
    CHECK_THAT(svg, Catch::Contains(tick));
  }
  CHECK_THAT(svg, Catch::Contains("c: 80.00 % ± 30.00 % at 50 MB"));
}

TEST_CASE("points: what cannot be drawn is left out, and the picture stays whole") {
  const double nan = std::nan("");
  const double inf = std::numeric_limits<double>::infinity();
  for (const bool log : {false, true}) {
    PointPlot plot{.x_label = "x", .y_unit = Unit::kPercent, .x_log = log, .front = true};
    CHECK(count(svg_points(plot), "nan") == 0);
    plot.points = {{"p", nan, 0.5},    {"q", 1, inf},   {"r", 2, 1.0, nan},
                   {"s", 2, 1.0, 0.5}, {"t", 1e300, 0}, {"<u>", 3, 0.5}};
    plot.points.push_back({"", -1, 0.5});
    const std::string svg = svg_points(plot);
    CHECK(count(svg, "nan") + count(svg, "inf") + count(svg, "<u>") == 0);
    CHECK(count(svg, "<circle") == (log ? 3 : 4));
  }
}

TEST_CASE("points: names do not cover each other, also where many points are close") {
  PointPlot plot{.x_label = "x", .y_unit = Unit::kPercent, .wide = true};
  for (int i = 0; i < 12; ++i) plot.points.push_back({"name " + std::to_string(i), 5, 0.9});
  plot.points.push_back({"far", 10, 0.5});
  const std::string svg = svg_points(plot);
  const std::regex label("<text x=\"([0-9.]+)\" y=\"([0-9.]+)\" class=\"point\"([^>]*)>");
  std::vector<std::pair<double, std::pair<bool, double>>> seen;
  for (std::sregex_iterator it(svg.begin(), svg.end(), label), end; it != end; ++it) {
    const double y = std::stod((*it)[2]);
    const bool left = (*it)[3].length() > 0;
    for (const auto& [other_y, side] : seen) {
      const bool same_side = side.first == left && std::abs(side.second - std::stod((*it)[1])) < 1;
      if (same_side) CHECK(std::abs(y - other_y) >= 12);
    }
    seen.push_back({y, {left, std::stod((*it)[1])}});
  }
  CHECK(seen.size() == 13);
}

}  // namespace
}  // namespace fedqat
