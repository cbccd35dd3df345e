#include "sim/report/point_labels.h"

#include <algorithm>
#include <cmath>

namespace fedqat {
namespace {

constexpr std::size_t kLongest = 28;  // letters

bool begins_letter(char c) { return (c & 0xC0) != 0x80; }  // of UTF-8

std::string shortened(const std::string& name) {
  std::size_t letters = 0;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (begins_letter(name[i]) && ++letters > kLongest) return name.substr(0, i) + "…";
  }
  return name;
}

}  // namespace

void PointLabels::add_point(double x, double y, double up, double down) {
  taken_.push_back({x - 7, x + 7, y - 7, y + 7});
  taken_.push_back({x - 3, x + 3, up, down});
}

void PointLabels::add_line(double x1, double y1, double x2, double y2) {
  const int pieces = static_cast<int>(std::hypot(x2 - x1, y2 - y1) / 5) + 1;
  for (int i = 0; i <= pieces; ++i) {
    const double x = x1 + (x2 - x1) * i / pieces;
    const double y = y1 + (y2 - y1) * i / pieces;
    taken_.push_back({x - 1, x + 1, y - 1, y + 1});
  }
}

void PointLabels::place(const SvgCanvas& canvas, double x, double y, const std::string& name) {
  constexpr double kLetter = 7;  // pixels
  constexpr int kTries = 72;
  const std::string shown = shortened(name);
  const double width = kLetter * double(std::count_if(shown.begin(), shown.end(), begins_letter));
  for (int i = 0; i < kTries; ++i) {
    const bool left = i % 2 == 1;
    const int row = (i / 2 + 1) / 2;  // 0, 1 above, 1 below, 2 above...
    const double dy = 8.0 * (i / 2 % 2 == 1 ? -row : row);
    const double from = left ? x - 10 - width : x + 10;
    const Box box{from, from + width, y + dy - 7, y + dy + 7};
    const bool inside = box.left >= canvas.left() && box.right <= canvas.right() &&
                        box.top >= canvas.top() + 2 && box.bottom <= canvas.bottom() - 2;
    if (i + 1 < kTries && (!inside || hits(box))) continue;
    if (row > 2) {
      leaders_ += "<line class=\"leader\" x1=\"" + px(x) + "\" y1=\"" + px(y) + "\" x2=\"" +
                  px(left ? x - 8 : x + 8) + "\" y2=\"" + px(y + dy) + "\"/>\n";
    }
    labels_.push_back({left ? x - 10 : x + 10, y + dy + 4, left, shown});
    taken_.push_back(box);
    return;
  }
}

void PointLabels::draw(SvgCanvas& canvas) const {
  canvas.add(leaders_);
  for (const Label& l : labels_) {
    canvas.text(l.x, l.y, l.left ? "class=\"point\" text-anchor=\"end\"" : "class=\"point\"",
                l.text);
  }
}

bool PointLabels::hits(const Box& a) const {
  return std::any_of(taken_.begin(), taken_.end(), [&](const Box& b) {
    return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
  });
}

}  // namespace fedqat
