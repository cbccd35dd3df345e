// Named points with error bars as inline SVG, and the line of those that nothing beats.
#pragma once

#include <string>
#include <vector>

#include "sim/report/plot_axis.h"

namespace fedqat {

struct Point {
  std::string name;
  double x = 0;
  double y = 0;
  double y_error = 0;   // half the height of the error bar
  int color = 0;        // index of a series colour; wraps around
  std::string group{};  // the legend's name of the colour; empty: none
};

struct PointPlot {
  std::string x_label;
  std::string y_label{};
  Unit x_unit = Unit::kPlain;
  Unit y_unit = Unit::kPlain;  // kPercent: y is a share of hits, and 1 - y has a log scale, so that
                               // 98 and 99 % are as far apart as 80 and 90 %
  bool x_log = false;          // needs x > 0: other points are left out
  bool front = false;          // draw the Pareto front
  bool wide = false;           // twice as wide
  std::vector<Point> points{};
};
// All text is escaped; points that are not finite, or beyond 1e15, are left out.
std::string svg_points(const PointPlot& plot);

// Indices of the points with the greatest y for their x or less, by x: small x and great y are
// good.
std::vector<std::size_t> pareto_front(const std::vector<Point>& points);

}  // namespace fedqat
