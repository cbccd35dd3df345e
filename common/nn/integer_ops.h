// The deployed arithmetic (docs/numerics.md): what all steps share, and those without weights. The
// trainer's forward pass and the engine both run it, so they cannot differ.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/kernels/elementwise/elementwise.h"
#include "common/kernels/im2col/im2col.h"
#include "common/nn/graph.h"
#include "common/nn/packed_model.h"

namespace fedqat {

// How a value's codes read: real = scale * (code - zero), codes within [low, high].
struct ValueGrid {
  float scale = 1;
  kernels::OutputGrid code{0, 0, 255};
};

// Grid of a step's output: unsigned `bits`, ReLU cuts at the zero point.
ValueGrid output_grid(const Step& step, float scale, std::int32_t zero);

// Of every value of an integer model, the input first.
std::vector<ValueGrid> value_grids(const Graph& graph, const PackedModel& model);

// Windows of a conv2d or pool step.
kernels::Window window_of(const Step& step);
// Whether every pixel is a window, in order.
bool pointwise(const kernels::Window& window);

// Bias as the integer that the accumulator starts from: rint(bias / (s_x * s_w)), within 2^30.
std::int32_t bias_code(float bias, float x_scale, float w_scale);

// Rows of a matrix [rows, channels] joined so that per-channel loops fill vectors.
int joined_rows(int channels);
// [channels] repeated joined_rows() times.
void repeat_channels(std::span<const float> channels, std::vector<float>& wide);

// Samples whose windows together make about a thousand rows: the patches of one block stay in L2.
int samples_per_block(const Step& step);

// Positions on the output grid before rounding, for steps that have no accumulator.
inline float average_position(std::int32_t sum, float count, float x_scale, float y_scale) {
  return ((static_cast<float>(sum) / count) * x_scale) / y_scale;
}
// clamp(rint(position) + zero).
std::uint8_t round_to_code(float position, const kernels::OutputGrid& grid);

// y = codes of the mean over each window.
void average_pool_int(const Step& step, const std::uint8_t* x, const ValueGrid& xg,
                      std::int32_t* sums, const ValueGrid& yg, std::uint8_t* y);
// y = codes of a + b, n elements.
kernels::AddArgs add_args(std::size_t n, const std::uint8_t* a, const ValueGrid& ag,
                          const std::uint8_t* b, const ValueGrid& bg, const ValueGrid& yg);
void add_int(const kernels::AddArgs& args, std::uint8_t* y);
// y = max(x, zero): ReLU that no producer could take over.
void relu_int(std::size_t n, const std::uint8_t* x, std::int32_t zero, std::uint8_t* y);

}  // namespace fedqat
