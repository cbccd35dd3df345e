#include "sim/report/svg_plot.h"

#include <algorithm>
#include <cmath>
#include <iterator>
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

std::string title(const std::string& plain) { return "<title>" + escape_html(plain) + "</title>"; }

// Above the middle of its band, or somewhat to the right of it where the label before is in the
// way. Returns where it ends.
double phase_label(SvgCanvas& canvas, double middle, double labels_end, const std::string& label) {
  constexpr double kLetter = 6.6;  // pixels
  constexpr double kFarthest = 60;
  const double width = kLetter * double(label.size());
  const double start = std::max(middle - width / 2, labels_end + 6);
  if (start + width / 2 - middle > kFarthest || start + width > canvas.right()) return labels_end;
  canvas.text(start + width / 2, canvas.top() - 7, "class=\"phase\" text-anchor=\"middle\"", label);
  return start + width;
}

void draw_bands(SvgCanvas& canvas, const Axis& x, const std::vector<Band>& bands) {
  double labels_end = canvas.left() - 20;
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
    labels_end = phase_label(canvas, (from + to) / 2, labels_end, bands[i].label);
  }
}

bool shows(const Axis& axis, double v) { return v >= axis.low && v <= axis.high; }

// Far outside the picture is as good as farther, and keeps coordinates short.
double drawable(const Axis& axis, double v) {
  const double range = axis.high - axis.low;
  return std::clamp(v, axis.low - 2 * range, axis.high + 2 * range);
}

void draw_curve(SvgCanvas& canvas, const Axis& y, const Series& s) {
  std::string path;
  for (std::size_t i = 0; i < s.x.size(); ++i) {
    if (!std::isfinite(s.y[i])) continue;
    path +=
        (path.empty() ? "M" : "L") + px(canvas.x(s.x[i])) + " " + px(canvas.y(drawable(y, s.y[i])));
  }
  canvas.add("<path class=\"curve" + std::string(s.dashed ? " dashed" : "") +
             "\" style=\"stroke:" + series_color(s.color) + "\" d=\"" + path + "\"/>\n");
}

void draw_marks(SvgCanvas& canvas, const Axis& y, const Series& s, Unit unit) {
  const double fine = (y.high - y.low) / 1000;
  const auto circle = [&](std::size_t i, const std::string& attributes, const std::string& inside) {
    canvas.add("<circle " + attributes + " cx=\"" + px(canvas.x(s.x[i])) + "\" cy=\"" +
               px(canvas.y(s.y[i])) + "\">" + inside + "</circle>\n");
  };
  // A hundred points to hover over are enough, and keep long runs' pages small.
  const std::size_t stride = std::max<std::size_t>(1, s.x.size() / 100);
  for (std::size_t i = 0; i < s.x.size(); i += stride) {
    if (!shows(y, s.y[i])) continue;
    circle(i, "class=\"hit\" r=\"6\"",
           title(s.name + ", " + fixed(s.x[i], 0) + ": " + in_unit(s.y[i], unit, fine)));
  }
  const auto last =
      std::find_if(s.y.rbegin(), s.y.rend(), [](double v) { return std::isfinite(v); });
  if (last == s.y.rend()) return;
  if (shows(y, *last)) {
    circle(static_cast<std::size_t>(s.y.rend() - last) - 1,
           "class=\"dot\" r=\"4\" style=\"fill:" + series_color(s.color) + "\"", "");
  }
  canvas.legend(s.name, in_unit(*last, unit, fine), s.dashed ? "dash" : "", series_color(s.color));
}

// Rises slowly from the median: what happens at the end of training stays visible although the
// first rounds lie far below.
double focused_low(const LinePlot& plot, const Range& y) {
  std::vector<double> values;
  for (const Series& s : plot.series) {
    std::copy_if(s.y.begin(), s.y.end(), std::back_inserter(values),
                 [](double v) { return std::isfinite(v); });
  }
  if (values.empty()) return y.low;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return std::max(y.low, y.high - std::max(0.1, 12 * (y.high - *middle)));
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
  if (plot.focus_top) y.low = focused_low(plot, y);
  const Axis x_axis = whole_axis(std::isfinite(x.low) ? x.low : 0, x.high, 10);
  Axis y_axis = nice_axis(y.low, y.high, 5);
  if (plot.y_top > 0 && y_axis.low < plot.y_top) y_axis.high = std::min(y_axis.high, plot.y_top);
  SvgCanvas canvas(x_axis, y_axis, kWidth, kHeight);
  draw_bands(canvas, x_axis, plot.bands);
  canvas.y_grid(plot.unit);
  canvas.x_ticks(Unit::kPlain);
  canvas.x_label(plot.x_label);
  canvas.begin_clip();
  for (const Series& s : plot.series) draw_curve(canvas, y_axis, s);
  canvas.end_clip();
  std::string names;
  for (const Series& s : plot.series) {
    draw_marks(canvas, y_axis, s, plot.unit);
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

}  // namespace fedqat
