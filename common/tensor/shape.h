// Shape of one sample: height, width, channels, stored in that order (NHWC with the batch in
// front). A flat vector of c features is [1, 1, c].
#pragma once

#include <cstddef>
#include <string>

namespace fedqat {

struct Shape {
  int h = 1;
  int w = 1;
  int c = 1;

  std::size_t size() const {
    return static_cast<std::size_t>(h) * static_cast<std::size_t>(w) * static_cast<std::size_t>(c);
  }
  bool operator==(const Shape&) const = default;
};

inline std::string to_string(const Shape& s) {
  return "[" + std::to_string(s.h) + "," + std::to_string(s.w) + "," + std::to_string(s.c) + "]";
}

}  // namespace fedqat
