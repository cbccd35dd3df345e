// The drawing surface of a plot: data coordinates to pixels, axes and grid, and the legend below.
#pragma once

#include <string>
#include <string_view>

#include "sim/report/plot_axis.h"

namespace fedqat {

std::string px(double x);                      // a coordinate, two digits
std::string series_color(int index);           // CSS: var(--s0)...
std::string part_color(int index, int count);  // CSS: hues spread over `count` categories

class SvgCanvas {
 public:
  SvgCanvas(const Axis& x, const Axis& y, double width, double height);

  double x(double value) const;
  double y(double value) const;
  double left() const { return kLeft; }
  double right() const { return width_ - kRight; }
  double top() const { return kTop; }
  double bottom() const { return height_ - kBottom; }

  void add(std::string_view svg) { body_ += svg; }
  void text(double x, double y, std::string_view attributes, std::string_view plain);
  void begin_clip();  // what is added until end_clip() is cut at the axes
  void end_clip() { add("</svg>\n"); }
  void y_grid(Unit unit);
  void x_ticks(Unit unit);
  void x_label(std::string_view plain);

  // name and value are plain text; style is CSS for the key beside them.
  void legend(std::string_view name, std::string_view value, std::string_view key_class,
              std::string_view color);

  std::string finish(std::string_view description) const;  // plain text, for screen readers

 private:
  static constexpr double kLeft = 58;
  static constexpr double kRight = 14;
  static constexpr double kTop = 20;
  static constexpr double kBottom = 40;

  Axis x_axis_;
  Axis y_axis_;
  double width_;
  double height_;
  std::string body_;
  std::string legend_;
};

}  // namespace fedqat
