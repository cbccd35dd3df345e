// Bits for each layer's weights under a budget of their size.
#pragma once

#include <string>
#include <vector>

#include "sim/mixed/sensitivity.h"

namespace fedqat {

struct ChosenBits {
  std::vector<LayerWidths> layers;
  std::vector<std::size_t> chosen;  // index into widths, one a layer
  std::uint64_t budget_bytes = 0;
  std::uint64_t bytes = 0;  // of all weights, packed, at the chosen widths
  std::size_t weights = 0;  // of all layers
  double sensitivity = 0;   // sum over layers
};

// Bytes that the layers' weights take at `bits` each on average; not negative.
std::uint64_t budget_of(const std::vector<LayerWidths>& layers, double bits);
// kInvalid: choose_bits().
Result<ChosenBits> search_bits(std::vector<LayerWidths> layers, std::uint64_t budget_bytes);

// Rows of layers with their sensitivities, and below them the chosen and uniform widths.
std::string bits_table(const ChosenBits& choice);
// layer_bits = ["conv1=4", ...], as TOML.
std::string layer_bits_toml(const ChosenBits& choice);

}  // namespace fedqat
