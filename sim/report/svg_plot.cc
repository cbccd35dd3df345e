#include "sim/report/svg_plot.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "sim/report/html.h"
#include "sim/report/number.h"
#include "sim/report/svg_canvas.h"

namespace fedqat {
namespace {

constexpr double kWidth = 640;
constexpr double kHeight = 300;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Range {
  double low = kInfinity;
  double high = -kInfinity;
  void add(double v) {
    if (!std::isfinite(v)) return;
    low = std::min(low, v);
    high = std::max(high, v);
  }
};

// Values that no point of the axis shows are drawn at its end, not outside the picture.
double within(const Axis& axis, double v) { return std::clamp(v, axis.low, axis.high); }

// Names beside points, moved until they touch neither a point nor each other.
class PointLabels {
 public:
  void add_point(double x, double y) { taken_.push_back({x - 7, x + 7, y - 7, y + 7}); }

  void place(SvgCanvas& canvas, double x, double y, const std::string& name) {
    constexpr double kLetter = 7;  // pixels
    const double width = kLetter * double(name.size());
    for (int i = 0; i < 40; ++i) {
      const bool left = i % 2 == 1;
      const double dy = (i / 4 + 1) * 9.0 * (i / 2 % 2 == 0 ? -1 : 1);
      const double from = left ? x - 10 - width : x + 10;
      const Box box{from, from + width, y + dy - 6, y + dy + 6};
      if (i < 39 && (box.right > canvas.right() || box.left < canvas.left() || hits(box))) continue;
      canvas.text(left ? x - 10 : x + 10, y + dy + 4,
                  left ? "class=\"point\" text-anchor=\"end\"" : "class=\"point\"", name);
      taken_.push_back(box);
      return;
    }
  }

 private:
  struct Box {
    double left, right, top, bottom;
  };
  bool hits(const Box& a) const {
    return std::any_of(taken_.begin(), taken_.end(), [&](const Box& b) {
      return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
    });
  }
  std::vector<Box> taken_;
};

std::string title(const std::string& plain) { return "<title>" + escape_html(plain) + "</title>"; }

void draw_bands(SvgCanvas& canvas, const Axis& x, const std::vector<Band>& bands) {
  for (std::size_t i = 0; i < bands.size(); ++i) {
    const double from = canvas.x(within(x, bands[i].from));
    const double to = canvas.x(within(x, bands[i].to));
    if (i % 2 == 0) {
      canvas.add("<rect class=\"band\" x=\"" + px(from) + "\" y=\"" + px(canvas.top()) +
                 "\" width=\"" + px(to - from) + "\" height=\"" +
                 px(canvas.bottom() - canvas.top()) + "\">" + title(bands[i].label) + "</rect>\n");
    }
    if (i > 0) {
      canvas.add("<line class=\"edge\" x1=\"" + px(from) + "\" x2=\"" + px(from) + "\" y1=\"" +
                 px(canvas.top()) + "\" y2=\"" + px(canvas.bottom()) + "\"/>\n");
    }
    constexpr double kLetter = 6.3;  // pixels
    if (to - from > kLetter * double(bands[i].label.size()) + 4) {
      canvas.text((from + to) / 2, canvas.top() - 7, "class=\"phase\" text-anchor=\"middle\"",
                  bands[i].label);
    }
  }
}

void draw_series(SvgCanvas& canvas, const Axis& y, const Series& s, Unit unit) {
  const std::string color = series_color(s.color);
  std::string path;
  std::size_t last = s.x.size();
  bool pen_down = false;
  for (std::size_t i = 0; i < s.x.size(); ++i) {
    if (!std::isfinite(s.y[i])) continue;
    path += (pen_down ? "L" : "M") + px(canvas.x(s.x[i])) + " " + px(canvas.y(within(y, s.y[i])));
    pen_down = true;
    last = i;
  }
  if (last == s.x.size()) return;
  canvas.add("<path class=\"curve" + std::string(s.dashed ? " dashed" : "") +
             "\" style=\"stroke:" + color + "\" d=\"" + path + "\"/>\n");
  canvas.add("<circle class=\"dot\" r=\"4\" style=\"fill:" + color + "\" cx=\"" +
             px(canvas.x(s.x[last])) + "\" cy=\"" + px(canvas.y(within(y, s.y[last]))) + "\"/>\n");
  const double fine = (y.high - y.low) / 1000;
  // A hundred points to hover over are enough, and keep long runs' pages small.
  const std::size_t stride = std::max<std::size_t>(1, s.x.size() / 100);
  for (std::size_t i = 0; i < s.x.size(); i += stride) {
    if (!std::isfinite(s.y[i])) continue;
    canvas.add("<circle class=\"hit\" r=\"6\" cx=\"" + px(canvas.x(s.x[i])) + "\" cy=\"" +
               px(canvas.y(within(y, s.y[i]))) + "\">" +
               title(s.name + ", " + fixed(s.x[i], 0) + ": " + in_unit(s.y[i], unit, fine)) +
               "</circle>\n");
  }
  canvas.legend(s.name, in_unit(s.y[last], unit, fine), s.dashed ? "dash" : "", color);
}

}  // namespace

std::string svg_lines(const LinePlot& plot) {
  Range x;
  Range y;
  for (const Series& s : plot.series) {
    for (std::size_t i = 0; i < s.x.size(); ++i) {
      x.add(s.x[i]);
      y.add(s.y[i]);
    }
  }
  if (plot.from_zero) y.add(0);
  const Axis x_axis = whole_axis(std::isfinite(x.low) ? x.low : 0, x.high, 10);
  Axis y_axis = nice_axis(y.low, y.high, 5);
  if (plot.y_top > 0 && y_axis.low < plot.y_top) y_axis.high = std::min(y_axis.high, plot.y_top);
  SvgCanvas canvas(x_axis, y_axis, kWidth, kHeight);
  draw_bands(canvas, x_axis, plot.bands);
  canvas.y_grid(plot.unit);
  canvas.x_ticks(Unit::kPlain);
  canvas.x_label(plot.x_label);
  std::string names;
  for (const Series& s : plot.series) {
    draw_series(canvas, y_axis, s, plot.unit);
    names += (names.empty() ? "" : ", ") + s.name;
  }
  return canvas.finish(names + " over " + plot.x_label);
}

std::string svg_stacked_bars(const BarPlot& plot) {
  Range y;
  y.add(0);
  for (const auto& bar : plot.values) {
    double sum = 0;
    for (const double v : bar) sum += v;
    y.add(sum);
  }
  const double count = double(std::max<std::size_t>(1, plot.values.size()));
  const Axis x_axis{0, count, 1};
  SvgCanvas canvas(x_axis, nice_axis(y.low, y.high, 5), 2 * kWidth, kHeight);
  canvas.y_grid(Unit::kPlain);
  canvas.x_label(plot.x_label);
  const double slot = canvas.x(1) - canvas.x(0);
  const double gap = std::min(6.0, slot * 0.2);
  const auto label_stride = static_cast<std::size_t>(std::ceil(26 / slot));
  const int parts = static_cast<int>(plot.parts.size());
  for (std::size_t b = 0; b < plot.values.size(); ++b) {
    double below = 0;
    const double left = canvas.x(double(b)) + gap / 2;
    for (std::size_t p = 0; p < plot.values[b].size() && p < plot.parts.size(); ++p) {
      const double value = plot.values[b][p];
      if (!(value > 0)) continue;
      const double top = canvas.y(below + value);
      canvas.add("<rect class=\"bar\" x=\"" + px(left) + "\" y=\"" + px(top) + "\" width=\"" +
                 px(slot - gap) + "\" height=\"" + px(canvas.y(below) - top) +
                 "\" style=\"fill:" + part_color(static_cast<int>(p), parts) + "\">" +
                 title(plot.bars[b] + ", " + plot.parts[p] + ": " + fixed(value, 0)) + "</rect>\n");
      below += value;
    }
    if (b % label_stride == 0) {
      canvas.text(left + (slot - gap) / 2, canvas.bottom() + 17, "text-anchor=\"middle\"",
                  plot.bars[b]);
    }
  }
  for (std::size_t p = 0; p < plot.parts.size(); ++p) {
    canvas.legend(plot.parts[p], "", "box", part_color(static_cast<int>(p), parts));
  }
  return canvas.finish("Bars over " + plot.x_label);
}

std::string svg_points(const PointPlot& plot) {
  Range x;
  Range y;
  for (const Point& p : plot.points) {
    x.add(p.x);
    y.add(p.y - p.y_error);
    y.add(p.y + p.y_error);
  }
  x.add(0);
  const Axis x_axis = nice_axis(x.low, x.high, 6);
  const double margin = 0.08 * (y.high - y.low);
  const Axis y_axis = nice_axis(y.low - margin, y.high + margin, 5);
  SvgCanvas canvas(x_axis, y_axis, kWidth, kHeight);
  canvas.y_grid(plot.y_unit);
  canvas.x_ticks(plot.x_unit);
  canvas.x_label(plot.x_label);
  PointLabels labels;
  for (const Point& p : plot.points) labels.add_point(canvas.x(p.x), canvas.y(p.y));
  for (const Point& p : plot.points) {
    if (!std::isfinite(p.x) || !std::isfinite(p.y)) continue;
    const std::string color = series_color(p.color);
    const double at_x = canvas.x(within(x_axis, p.x));
    const double at_y = canvas.y(within(y_axis, p.y));
    const double high = canvas.y(within(y_axis, p.y + p.y_error));
    const double low = canvas.y(within(y_axis, p.y - p.y_error));
    if (p.y_error > 0) {
      canvas.add("<path style=\"stroke:" + color + ";stroke-width:1.6;fill:none\" d=\"M" +
                 px(at_x) + " " + px(high) + "V" + px(low) + "M" + px(at_x - 5) + " " + px(high) +
                 "h10M" + px(at_x - 5) + " " + px(low) + "h10\"/>\n");
    }
    canvas.add("<circle class=\"dot\" r=\"6\" style=\"fill-opacity:.8;fill:" + color + "\" cx=\"" +
               px(at_x) + "\" cy=\"" + px(at_y) + "\">" +
               title(p.name + ": " + in_unit(p.y, plot.y_unit, (y_axis.high - y_axis.low) / 1000) +
                     " at " + in_unit(p.x, plot.x_unit, x_axis.step)) +
               "</circle>\n");
    labels.place(canvas, at_x, at_y, p.name);
  }
  return canvas.finish("Points over " + plot.x_label);
}

}  // namespace fedqat
