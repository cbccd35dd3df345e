// How the first range of a quantizer follows from statistics: one technique a file, all in a table.
#pragma once

#include <span>
#include <string_view>

#include "common/quant/histogram.h"
#include "common/quant/range_fit.h"

namespace fedqat {

struct Calibrator {
  const char* name;  // value of quant.calibrator
  // Unsigned grid of `bits`, 2..8, for values with histogram `h`, as fit_activation() describes.
  // quantile in (0, 1]: of the percentile calibrator only.
  ActivationGrid (*activations)(const Log2Histogram& h, int bits, bool relu, double quantile);
  // Symmetric scale of one group of weights, codes in +-(2^(bits-1) - 1); > 0.
  float (*weights)(std::span<const float> w, int bits);
};

// mse, minmax, percentile, octav, entropy. The first is the default.
std::span<const Calibrator> calibrators();
// null: no calibrator has this name.
const Calibrator* find_calibrator(std::string_view name);

// The ends of all values. Histograms know them to the upper edge of a bin, at most 9 % too wide.
ActivationGrid fit_minmax(const Log2Histogram& h, int bits, bool relu);
// Ends beyond which at most 1 - quantile of the non-zero values of a side lie.
ActivationGrid fit_percentile(const Log2Histogram& h, int bits, bool relu, double quantile);
// [Sakr22]: Newton's fixed point of the clip c with the least squared error, n codes on a side:
//   c = sum |x| 1{|x| > c} / (sum 1{0 < |x| <= c} / (12 n^2) + sum 1{|x| > c})
// Its model of the noise needs n >= 8; below, fit_activation().
ActivationGrid fit_octav(const Log2Histogram& h, int bits, bool relu);
float fit_weight_octav(std::span<const float> w, int bits);
// The clip T with the least KL(P || Q): P the magnitudes with those beyond T in the last bin, Q the
// same in as many groups as there are codes on a side. Zeros are exact and do not count.
ActivationGrid fit_entropy(const Log2Histogram& h, int bits, bool relu);
// The largest weight is the last code.
float fit_weight_max(std::span<const float> w, int bits);

}  // namespace fedqat
