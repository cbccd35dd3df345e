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

  // After all points are there. A name that is far from its point has a line to it; one without
  // room anywhere is put where it overlaps. Long names are cut.
  void place(SvgCanvas& canvas, double x, double y, const std::string& name);

 private:
  struct Box {
    double left, right, top, bottom;
  };
  bool hits(const Box& a) const;
  std::vector<Box> taken_;
};

}  // namespace fedqat
