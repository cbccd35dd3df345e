// The coordinator's parameters on their way to the clients.
#pragma once

#include <span>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/rng.h"

namespace fedqat {

// bits 8:  per channel a binary32 scale, by default max|w| / 127, then one code a value, by default
//          rint(w / scale), in [-127, 127]; the value is scale * code in binary32, the same on
//          every machine
// bits 4:  likewise with 7 for 127, codes in [-7, 7], packed (bit_pack.h)
// bits 32: binary32
// All little-endian. The coordinator keeps fp32 masters and clients send changes against what they
// received, so the rounding error of a broadcast is not lost but comes back in the next one.
struct BroadcastTensor {
  std::size_t size = 0;
  int channels = 1;  // divides size
  int bits = 32;
};

// How codes follow from weights; decoders need not know. The scale and the rounding of
// FP8FedAvg-UQ+ [arXiv 2407.02610], for which the mean of the clients' weights is enough: the
// squared error over clients and that of the mean differ by a constant.
struct BroadcastRounding {
  // The scale of least squared error in place of max|w|: alternately codes by scale and the scale
  // <w, code> / <code, code>, from the best of a grid search on.
  bool fit_scale = false;
  // 0..1. 1: rint. 0: stochastic rounding, whose expected value is w (inside the grid). Between:
  // of w moved by this share of its way to rint.
  float nearest = 1;
  RngKey random = {};
};

Bytes encode_broadcast(std::span<const BroadcastTensor> tensors, std::span<const float> params,
                       const BroadcastRounding& rounding = {});

// Any bytes: the parameters, or kCorrupt (length, scale or value not finite, code -128).
Result<std::vector<float>> decode_broadcast(std::span<const BroadcastTensor> tensors,
                                            ByteView bytes);

}  // namespace fedqat
