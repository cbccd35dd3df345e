#include "sim/mixed/search.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iterator>

#include "common/wire/layer_bits.h"
#include "common/wire/schema.h"

namespace fedqat {
namespace {

const WidthOption& chosen_of(const ChosenBits& choice, std::size_t layer) {
  return choice.layers[layer].widths[choice.chosen[layer]];
}

template <class... Values>
std::string line(const char* format, Values... values) {
  char text[160];
  std::snprintf(text, sizeof text, format, values...);
  return text;
}

// "conv1" in a column of `width`.
std::string name_column(const std::string& name, std::size_t width) {
  return name + std::string(width - std::min(width, name.size()), ' ');
}

double bits_a_weight(std::uint64_t bytes, std::size_t weights) {
  return weights == 0 ? 0 : 8 * static_cast<double>(bytes) / static_cast<double>(weights);
}

}  // namespace

std::uint64_t budget_of(const std::vector<LayerWidths>& layers, double bits) {
  std::uint64_t bytes = 0;
  for (const LayerWidths& l : layers) {
    bytes += static_cast<std::uint64_t>(std::ceil(static_cast<double>(l.weights) * bits / 8));
  }
  return bytes;
}

Result<ChosenBits> search_bits(std::vector<LayerWidths> layers, std::uint64_t budget_bytes) {
  std::vector<std::vector<WidthOption>> options;
  for (const LayerWidths& l : layers) options.push_back(l.widths);
  auto chosen = choose_bits(options, budget_bytes);
  if (!chosen) return chosen.error();
  ChosenBits choice{
      .layers = std::move(layers), .chosen = std::move(*chosen), .budget_bytes = budget_bytes};
  for (std::size_t i = 0; i < choice.layers.size(); ++i) {
    choice.weights += choice.layers[i].weights;
    choice.bytes += chosen_of(choice, i).bytes;
    choice.sensitivity += chosen_of(choice, i).sensitivity;
  }
  return choice;
}

std::string bits_table(const ChosenBits& choice) {
  std::size_t width = 8;
  for (const LayerWidths& l : choice.layers) width = std::max(width, l.layer.size());
  std::string text = name_column("layer", width) + line(" %9s", "weights");
  for (const int bits : kMixedWidths) text += line("  KL at %d", bits);
  text += line(" %5s %9s\n", "bits", "bytes");
  for (std::size_t i = 0; i < choice.layers.size(); ++i) {
    const LayerWidths& l = choice.layers[i];
    text += name_column(l.layer, width) + line(" %9zu", l.weights);
    for (const WidthOption& w : l.widths) text += line(" %8.5f", w.sensitivity);
    text += line(" %5d %9llu\n", chosen_of(choice, i).bits,
                 static_cast<unsigned long long>(chosen_of(choice, i).bytes));
  }
  text += line(
      "\nchosen   %9llu bytes of weights, %.2f bits a weight, sum of KL %.5f; budget %llu\n",
      static_cast<unsigned long long>(choice.bytes), bits_a_weight(choice.bytes, choice.weights),
      choice.sensitivity, static_cast<unsigned long long>(choice.budget_bytes));
  for (std::size_t o = 0; o < std::size(kMixedWidths); ++o) {
    std::uint64_t bytes = 0;
    double sum = 0;
    for (const LayerWidths& l : choice.layers) {
      bytes += l.widths[o].bytes;
      sum += l.widths[o].sensitivity;
    }
    text += line("all at %d %9llu bytes, sum of KL %.5f\n", kMixedWidths[o],
                 static_cast<unsigned long long>(bytes), sum);
  }
  return text;
}

std::string layer_bits_toml(const ChosenBits& choice) {
  std::string text = "layer_bits = [";
  for (std::size_t i = 0; i < choice.layers.size(); ++i) {
    const LayerBits bits{choice.layers[i].layer, chosen_of(choice, i).bits, 0};
    text += (i == 0 ? "" : ", ") + toml_string(layer_bits_text(bits));
  }
  return text + "]\n";
}

}  // namespace fedqat
