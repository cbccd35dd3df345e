#include "sim/report/svg_points.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "sim/report/html.h"
#include "sim/report/number.h"
#include "sim/report/point_labels.h"
#include "sim/report/svg_canvas.h"

namespace fedqat {
namespace {

constexpr double kWidth = 640;
constexpr double kHeight = 340;

// A share of hits as the axis counts it: 0.9 is 1, 0.99 is 2. Nothing is closer to 1 than
// kLeastMiss.
constexpr double kLeastMiss = 1e-4;
double nines(double share) { return -std::log10(std::max(kLeastMiss, 1 - share)); }

// How a plot's axes count; points are kept as they were given.
struct Scale {
  bool x_log;
  bool y_nines;
  double x(const Point& p) const { return x_log ? std::log10(p.x) : p.x; }
  double y(double v) const { return y_nines ? nines(v) : v; }
};

// Beyond this a picture has nothing to say.
constexpr double kLargest = 1e15;

// What can be drawn.
std::vector<Point> drawn_points(const PointPlot& plot) {
  std::vector<Point> points;
  for (Point p : plot.points) {
    if (!std::isfinite(p.y_error)) p.y_error = 0;
    if ((plot.x_log && !(p.x > 0)) || !(std::abs(p.x) <= kLargest)) continue;
    if (std::abs(p.y) <= kLargest) points.push_back(std::move(p));
  }
  return points;
}

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
};

template <class Low, class High>
Range range_of(const std::vector<Point>& points, const Low& low, const High& high) {
  Range range;
  for (const Point& p : points) {
    range.low = std::min(range.low, low(p));
    range.high = std::max(range.high, high(p));
  }
  return range;
}

Axis x_axis_of(const Scale& scale, const std::vector<Point>& points) {
  const auto x = [&](const Point& p) { return scale.x(p); };
  const Range range = range_of(points, x, x);
  if (points.empty()) return {0, 1, 0.2};
  if (!scale.x_log) return nice_axis(std::min(0.0, range.low), range.high, 6);
  const double margin = std::max(0.05, 0.12 * (range.high - range.low));
  return {range.low - margin, range.high + margin, 1};
}

Axis y_axis_of(const Scale& scale, const std::vector<Point>& points) {
  const Range range = range_of(
      points, [&](const Point& p) { return scale.y(p.y - p.y_error); },
      [&](const Point& p) { return scale.y(p.y + p.y_error); });
  if (points.empty()) return {0, 1, 0.2};
  const double margin = 0.08 * (range.high - range.low);
  if (!scale.y_nines) return nice_axis(range.low - margin, range.high + margin, 5);
  const double room = std::max(0.08, margin);
  return {range.low - room, range.high + room, 1};
}

// Round shares that are far enough apart to be read.
std::vector<double> share_ticks(const Axis& axis) {
  std::vector<double> round = {0};
  for (int percent = 5; percent <= 90; percent += 5) round.push_back(percent / 100.0);
  for (const double miss : {0.1, 0.01, 0.001}) {
    for (const double factor : {0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.15, 0.1}) {
      round.push_back(1 - miss * factor);
    }
  }
  std::vector<double> ticks;
  const double gap = (axis.high - axis.low) / 9;
  for (const double share : round) {
    const double at = nines(share);
    if (at < axis.low || at > axis.high) continue;
    if (ticks.empty() || at - nines(ticks.back()) >= gap) ticks.push_back(share);
  }
  return ticks;
}

std::string share_text(double share) {
  const double percent = 100 * share;
  const int digits = percent > 99.85 ? 2 : std::abs(percent - std::round(percent)) > 1e-6 ? 1 : 0;
  return fixed(percent, digits) + " %";
}

void draw_y_grid(SvgCanvas& canvas, const Axis& axis) {
  for (const double share : share_ticks(axis)) {
    const double y = canvas.y(nines(share));
    canvas.add("<line class=\"grid\" x1=\"" + px(canvas.left()) + "\" x2=\"" + px(canvas.right()) +
               "\" y1=\"" + px(y) + "\" y2=\"" + px(y) + "\"/>\n");
    canvas.text(canvas.left() - 8, y + 4, "text-anchor=\"end\"", share_text(share));
  }
}

// Round values along a logarithmic axis: 1, 2 and 5 times powers of ten, or, where that would be
// few, those of a linear one.
std::vector<double> log_ticks(const Axis& axis) {
  std::vector<double> ticks;
  if (axis.high - axis.low < 1.2) {
    const Axis linear = nice_axis(std::pow(10, axis.low), std::pow(10, axis.high), 6);
    for (const double v : linear.ticks()) {
      if (v > 0) ticks.push_back(std::log10(v));
    }
  } else {
    const bool sparse = axis.high - axis.low > 3;
    for (double power = std::floor(axis.low); power <= axis.high; ++power) {
      for (const double factor : {1.0, 2.0, 5.0}) {
        if (factor == 1 || !sparse) ticks.push_back(power + std::log10(factor));
      }
    }
  }
  std::erase_if(ticks, [&](double t) { return t < axis.low || t > axis.high; });
  return ticks;
}

void draw_x_ticks(SvgCanvas& canvas, const PointPlot& plot, const Axis& axis) {
  for (const double tick : plot.x_log ? log_ticks(axis) : axis.ticks()) {
    const std::string at = px(canvas.x(tick));
    canvas.add("<line class=\"grid\" x1=\"" + at + "\" x2=\"" + at + "\" y1=\"" + px(canvas.top()) +
               "\" y2=\"" + px(canvas.bottom()) + "\"/>\n");
    canvas.text(canvas.x(tick), canvas.bottom() + 17, "text-anchor=\"middle\"",
                plot.x_log ? in_unit(std::pow(10, tick), plot.x_unit, std::pow(10, tick))
                           : in_unit(tick, plot.x_unit, axis.step));
  }
}

// A point in pixels.
struct Spot {
  double x, y, high, low;  // where it is, and where its error bar ends
};

Spot spot_of(const SvgCanvas& canvas, const Scale& scale, const Point& p) {
  return {canvas.x(scale.x(p)), canvas.y(scale.y(p.y)), canvas.y(scale.y(p.y + p.y_error)),
          canvas.y(scale.y(p.y - p.y_error))};
}

void draw_front(SvgCanvas& canvas, const Scale& scale, const std::vector<Point>& points,
                PointLabels& labels) {
  std::string path;
  Spot last{};
  for (const std::size_t i : pareto_front(points)) {
    const Spot spot = spot_of(canvas, scale, points[i]);
    if (!path.empty()) labels.add_line(last.x, last.y, spot.x, spot.y);
    path += (path.empty() ? "M" : "L") + px(spot.x) + " " + px(spot.y);
    last = spot;
  }
  if (!path.empty()) canvas.add("<path class=\"front\" d=\"" + path + "\"/>\n");
}

// `x_step` and `y_step` set the digits of what hovering shows.
void draw_point(SvgCanvas& canvas, const PointPlot& plot, const Spot& spot, const Point& p,
                double x_step, double y_step) {
  const std::string color = series_color(p.color);
  if (p.y_error > 0) {
    canvas.add("<path style=\"stroke:" + color + ";stroke-width:1.6;fill:none\" d=\"M" +
               px(spot.x) + " " + px(spot.high) + "V" + px(spot.low) + "M" + px(spot.x - 4) + " " +
               px(spot.high) + "h8M" + px(spot.x - 4) + " " + px(spot.low) + "h8\"/>\n");
  }
  std::string hover = p.name + ": " + in_unit(p.y, plot.y_unit, y_step);
  if (p.y_error > 0) hover += " ± " + in_unit(p.y_error, plot.y_unit, y_step);
  hover += " at " + in_unit(p.x, plot.x_unit, x_step);
  canvas.add("<circle class=\"dot\" r=\"6\" style=\"fill:" + color + "\" cx=\"" + px(spot.x) +
             "\" cy=\"" + px(spot.y) + "\"><title>" + escape_html(hover) + "</title></circle>\n");
}

}  // namespace

std::vector<std::size_t> pareto_front(const std::vector<Point>& points) {
  std::vector<std::size_t> order(points.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return points[a].x != points[b].x ? points[a].x < points[b].x : points[a].y > points[b].y;
  });
  std::vector<std::size_t> front;
  for (const std::size_t i : order) {
    if (front.empty() || points[i].y > points[front.back()].y) front.push_back(i);
  }
  return front;
}

std::string svg_points(const PointPlot& plot) {
  const Scale scale{plot.x_log, plot.y_unit == Unit::kPercent};
  const std::vector<Point> points = drawn_points(plot);
  const Axis x_axis = x_axis_of(scale, points);
  const Axis y_axis = y_axis_of(scale, points);
  SvgCanvas canvas(x_axis, y_axis, plot.wide ? 2 * kWidth : kWidth, kHeight);
  draw_x_ticks(canvas, plot, x_axis);
  if (scale.y_nines) {
    draw_y_grid(canvas, y_axis);
  } else {
    canvas.y_grid(plot.y_unit);
  }
  canvas.x_label(plot.x_label);
  canvas.text(canvas.left(), canvas.top() - 8, "class=\"phase\"", plot.y_label);
  PointLabels labels;
  if (plot.front) draw_front(canvas, scale, points, labels);
  std::set<std::string> groups;
  for (const Point& p : points) {
    const Spot spot = spot_of(canvas, scale, p);
    labels.add_point(spot.x, spot.y, spot.high, spot.low);
    const double x_step = scale.x_log ? p.x / 10 : x_axis.step / 10;
    draw_point(canvas, plot, spot, p, x_step, scale.y_nines ? 1e-4 : y_axis.step / 100);
    if (!p.group.empty() && groups.insert(p.group).second) {
      canvas.legend(p.group, "", "box", series_color(p.color));
    }
  }
  for (const Point& p : points) {
    const Spot spot = spot_of(canvas, scale, p);
    labels.place(canvas, spot.x, spot.y, p.name);
  }
  labels.draw(canvas);
  return canvas.finish("Points over " + plot.x_label);
}

}  // namespace fedqat
