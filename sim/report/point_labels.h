// Names beside points, moved until they touch neither a point nor each other.
#pragma once

#include <string>
#include <vector>

#include "sim/report/svg_canvas.h"

namespace fedqat {

class PointLabels {
 public:
  // Pixels; `up` and `down` are where its error bar ends.
  void add_point(double x, double y, double up, double down);

  void add_line(double x1, double y1, double x2, double y2);  // that no name should cross

  // After all points are there. A name that is far from its point has a line to it; one without
  // room anywhere is put where it overlaps. Long names are cut.
  void place(const SvgCanvas& canvas, double x, double y, const std::string& name);

  void draw(SvgCanvas& canvas) const;  // lines below names

 private:
  struct Box {
    double left, right, top, bottom;
  };
  bool hits(const Box& a) const;
  struct Label {
    double x, y;
    bool left;  // of its point
    std::string text;
  };
  std::vector<Box> taken_;
  std::vector<Label> labels_;
  std::string leaders_;
};

}  // namespace fedqat
