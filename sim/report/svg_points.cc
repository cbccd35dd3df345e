#include "sim/report/svg_points.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "sim/report/html.h"
#include "sim/report/point_labels.h"
#include "sim/report/svg_canvas.h"

namespace fedqat {
namespace {

constexpr double kWidth = 640;
constexpr double kHeight = 340;

double within(const Axis& axis, double v) { return std::clamp(v, axis.low, axis.high); }

// What can be drawn, with x as the axis counts it: its logarithm where x_log.
std::vector<Point> drawn_points(const PointPlot& plot) {
  std::vector<Point> points;
  for (Point p : plot.points) {
    if (plot.x_log) p.x = p.x > 0 ? std::log10(p.x) : std::nan("");
    if (!std::isfinite(p.y_error)) p.y_error = 0;
    if (std::isfinite(p.x) && std::isfinite(p.y)) points.push_back(std::move(p));
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

Axis x_axis_of(const PointPlot& plot, const std::vector<Point>& points) {
  const auto x = [](const Point& p) { return p.x; };
  const Range range = range_of(points, x, x);
  if (points.empty()) return {0, 1, 0.2};
  if (!plot.x_log) return nice_axis(std::min(0.0, range.low), range.high, 6);
  const double margin = std::max(0.05, 0.12 * (range.high - range.low));
  return {range.low - margin, range.high + margin, 1};
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
    canvas.add("<line class=\"grid\" x1=\"" + at + "\" x2=\"" + at + "\" y1=\"" +
               px(canvas.top()) + "\" y2=\"" + px(canvas.bottom()) + "\"/>\n");
    canvas.text(canvas.x(tick), canvas.bottom() + 17, "text-anchor=\"middle\"",
                plot.x_log ? in_unit(std::pow(10, tick), plot.x_unit, std::pow(10, tick))
                           : in_unit(tick, plot.x_unit, axis.step));
  }
}

void draw_front(SvgCanvas& canvas, const std::vector<Point>& points) {
  std::string path;
  for (const std::size_t i : pareto_front(points)) {
    path += (path.empty() ? "M" : "L") + px(canvas.x(points[i].x)) + " " + px(canvas.y(points[i].y));
  }
  if (!path.empty()) canvas.add("<path class=\"front\" d=\"" + path + "\"/>\n");
}

void draw_point(SvgCanvas& canvas, const PointPlot& plot, const Axis& x_axis, const Axis& y_axis,
                const Point& p) {
  const std::string color = series_color(p.color);
  const double x = canvas.x(p.x);
  const double high = canvas.y(within(y_axis, p.y + p.y_error));
  const double low = canvas.y(within(y_axis, p.y - p.y_error));
  if (p.y_error > 0) {
    canvas.add("<path style=\"stroke:" + color + ";stroke-width:1.6;fill:none\" d=\"M" + px(x) +
               " " + px(high) + "V" + px(low) + "M" + px(x - 4) + " " + px(high) + "h8M" +
               px(x - 4) + " " + px(low) + "h8\"/>\n");
  }
  const double fine = (y_axis.high - y_axis.low) / 1000;
  const double plain_x = plot.x_log ? std::pow(10, p.x) : p.x;
  std::string hover = p.name + ": " + in_unit(p.y, plot.y_unit, fine);
  if (p.y_error > 0) hover += " ± " + in_unit(p.y_error, plot.y_unit, fine);
  hover += " at " + in_unit(plain_x, plot.x_unit, plot.x_log ? plain_x / 10 : x_axis.step / 10);
  canvas.add("<circle class=\"dot\" r=\"6\" style=\"fill:" + color + "\" cx=\"" + px(x) +
             "\" cy=\"" + px(canvas.y(p.y)) + "\"><title>" + escape_html(hover) +
             "</title></circle>\n");
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
  const std::vector<Point> points = drawn_points(plot);
  const Axis x_axis = x_axis_of(plot, points);
  const Range y = range_of(
      points, [](const Point& p) { return p.y - p.y_error; },
      [](const Point& p) { return p.y + p.y_error; });
  const double margin = 0.08 * (y.high - y.low);
  Axis y_axis = nice_axis(y.low - margin, y.high + margin, 5);
  if (plot.y_unit == Unit::kPercent && y.high <= 1) y_axis.high = std::min(y_axis.high, 1.0);
  SvgCanvas canvas(x_axis, y_axis, plot.wide ? 2 * kWidth : kWidth, kHeight);
  draw_x_ticks(canvas, plot, x_axis);
  canvas.y_grid(plot.y_unit);
  canvas.x_label(plot.x_label);
  canvas.text(canvas.left(), canvas.top() - 8, "class=\"phase\"", plot.y_label);
  if (plot.front) draw_front(canvas, points);

  PointLabels labels;
  for (const Point& p : points) {
    labels.add_point(canvas.x(p.x), canvas.y(p.y), canvas.y(within(y_axis, p.y + p.y_error)),
                     canvas.y(within(y_axis, p.y - p.y_error)));
  }
  std::set<std::string> groups;
  for (const Point& p : points) {
    draw_point(canvas, plot, x_axis, y_axis, p);
    if (!p.group.empty() && groups.insert(p.group).second) {
      canvas.legend(p.group, "", "box", series_color(p.color));
    }
  }
  for (const Point& p : points) labels.place(canvas, canvas.x(p.x), canvas.y(p.y), p.name);
  return canvas.finish("Points over " + plot.x_label);
}

}  // namespace fedqat
