// A labelled data set held once, as the u8 codes that the integer network reads.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/tensor/shape.h"

namespace fedqat {

// How codes become real numbers: x = scale * (code - zero). Images are their own codes: pixel p
// normalised by mean m and deviation d (both in 0..1) is scale = 1 / (255 d), zero = rint(255 m).
struct InputGrid {
  float scale = 1.0F / 255;
  std::int32_t zero = 0;  // 0..255
  bool operator==(const InputGrid&) const = default;
};

struct Dataset {
  std::string name;
  Shape shape;
  int classes = 0;
  InputGrid grid;
  std::vector<std::uint8_t> codes;    // [n, h, w, c]
  std::vector<std::uint8_t> labels;   // [n], each < classes
  std::vector<std::uint32_t> owners;  // [n] natural client of each sample, or empty

  std::size_t size() const { return labels.size(); }
  std::span<const std::uint8_t> sample(std::size_t i) const {
    return {codes.data() + i * shape.size(), shape.size()};
  }
};

struct DataSplit {
  Dataset train;
  Dataset test;        // same name, shape, classes and grid
  std::string sha256;  // content_sha256() of all samples, before any limit on their number
};

}  // namespace fedqat
