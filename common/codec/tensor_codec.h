// What each codec of updates does with one tensor: a row of functions. update_codec.cc walks a
// round's grid through them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "common/base/bytes.h"
#include "common/base/rng.h"
#include "common/codec/update_codec.h"

namespace fedqat {

struct EncodedTensor {
  std::uint64_t clipped = 0;  // as EncodedUpdate
  float max_abs = 0;
};

struct TensorCodec {
  // Why there is no such grid; null: there is.
  const char* (*fault)(const TensorGrid& grid);
  PayloadSize (*bounds)(const TensorGrid& grid);
  // Of any bytes that begin with the tensor; nothing: more than there are.
  std::optional<std::size_t> (*size)(const TensorGrid& grid, ByteView bytes);
  // Appends to `out`. values are finite; top is their greatest magnitude.
  EncodedTensor (*encode)(const TensorGrid& grid, std::span<const float> values, float top,
                          Rng& rng, Bytes& out);
  // Of any bytes of size(): as greatest_values(); NaN: they are not the codec's.
  float (*greatest)(const TensorGrid& grid, ByteView bytes);
  // Of bytes that greatest() admits.
  void (*decode)(const TensorGrid& grid, ByteView bytes, std::span<float> values);
};

// The row of a grid's codec and, of kUniform, bits: codes, binary32, or nothing.
const TensorCodec& tensor_codec(const TensorGrid& grid);

extern const TensorCodec kUniformCodec;  // uniform_codec.cc

}  // namespace fedqat
