#include "sim/report/svg_canvas.h"

#include <algorithm>

#include "sim/report/html.h"
#include "sim/report/number.h"
#include "sim/report/style.h"

namespace fedqat {

std::string px(double x) { return fixed(x, 2); }

std::string series_color(int index) {
  return "var(--s" + std::to_string(index % kSeriesColors) + ")";
}

std::string part_color(int index, int count) {
  // Neighbours differ in lightness too, so that many classes stay apart.
  const int hue = (215 + 360 * index / std::max(1, count)) % 360;
  return "hsl(" + std::to_string(hue) + " 62% " + (index % 2 == 0 ? "56%)" : "66%)");
}

SvgCanvas::SvgCanvas(const Axis& x, const Axis& y, double width, double height)
    : x_axis_(x), y_axis_(y), width_(width), height_(height) {}

double SvgCanvas::x(double value) const {
  return left() + (value - x_axis_.low) / (x_axis_.high - x_axis_.low) * (right() - left());
}

double SvgCanvas::y(double value) const {
  return bottom() - (value - y_axis_.low) / (y_axis_.high - y_axis_.low) * (bottom() - top());
}

void SvgCanvas::text(double x, double y, std::string_view attributes, std::string_view plain) {
  body_ += "<text x=\"" + px(x) + "\" y=\"" + px(y) + "\" ";
  body_ += attributes;
  body_ += ">" + escape_html(plain) + "</text>\n";
}

void SvgCanvas::begin_clip() {
  const std::string box[] = {px(left()), px(top() - 2), px(right() - left()),
                             px(bottom() - top() + 4)};
  add("<svg x=\"" + box[0] + "\" y=\"" + box[1] + "\" width=\"" + box[2] + "\" height=\"" + box[3] +
      "\" viewBox=\"" + box[0] + " " + box[1] + " " + box[2] + " " + box[3] + "\">\n");
}

void SvgCanvas::y_grid(Unit unit) {
  for (const double tick : y_axis_.ticks()) {
    const std::string at = px(y(tick));
    body_ += "<line class=\"" + std::string(tick == y_axis_.low ? "axis" : "grid") + "\" x1=\"" +
             px(left()) + "\" x2=\"" + px(right()) + "\" y1=\"" + at + "\" y2=\"" + at + "\"/>\n";
    text(left() - 8, y(tick) + 4, "text-anchor=\"end\"", in_unit(tick, unit, y_axis_.step));
  }
}

void SvgCanvas::x_ticks(Unit unit) {
  for (const double tick : x_axis_.ticks()) {
    text(x(tick), bottom() + 17, "text-anchor=\"middle\"", in_unit(tick, unit, x_axis_.step));
  }
}

void SvgCanvas::x_label(std::string_view plain) {
  text((left() + right()) / 2, height_ - 6, "text-anchor=\"middle\"", plain);
}

void SvgCanvas::legend(std::string_view name, std::string_view value, std::string_view key_class,
                       std::string_view color) {
  legend_ += "<span><i class=\"" + std::string(key_class) + "\" style=\"--c:" + std::string(color) +
             ";background:" + std::string(color) + "\"></i>" + escape_html(name);
  if (!value.empty()) legend_ += " <b>" + escape_html(value) + "</b>";
  legend_ += "</span>\n";
}

std::string SvgCanvas::finish(std::string_view description) const {
  std::string out = "<svg class=\"plot\" role=\"img\" aria-label=\"" + escape_html(description) +
                    "\" viewBox=\"0 0 " + px(width_) + " " + px(height_) + "\">\n" + body_ +
                    "</svg>\n";
  if (!legend_.empty()) out += "<div class=\"legend\">" + legend_ + "</div>\n";
  return out;
}

}  // namespace fedqat
