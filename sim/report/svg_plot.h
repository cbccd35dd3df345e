// Plots as inline SVG with an HTML legend. All text is escaped here; values that are not finite are
// gaps. Hovering over a point shows its figures (SVG titles, no scripts).
#pragma once

#include <string>
#include <vector>

#include "sim/report/plot_axis.h"

namespace fedqat {

struct Series {
  std::string name;
  std::vector<double> x, y;  // equally long
  int color = 0;             // index of a series colour; wraps around
  bool dashed = false;
};

struct Band {  // a stretch of the x axis with a name
  double from = 0;
  double to = 0;
  std::string label;
};

struct LinePlot {
  std::string x_label;
  Unit unit = Unit::kPlain;  // of y
  bool from_zero = false;    // the y axis begins at 0
  bool focus_top = false;    // low outliers may be cut off, for shares that approach 1
  double y_top = 0;          // if > 0, the y axis ends no higher
  std::vector<Series> series{};
  std::vector<Band> bands{};
};
std::string svg_lines(const LinePlot& plot);

struct BarPlot {
  std::string x_label;
  std::vector<std::string> bars{};            // names, one below each bar where there is room
  std::vector<std::string> parts{};           // names of what is stacked
  std::vector<std::vector<double>> values{};  // [bars][parts], >= 0
};
std::string svg_stacked_bars(const BarPlot& plot);  // twice as wide as the others

}  // namespace fedqat
