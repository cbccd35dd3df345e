#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "common/nn/engine.h"
#include "common/nn/graph.h"
#include "tests/support/random_data.h"

using namespace fedqat;

namespace {

// [1,1,3] -> 2 outputs, input codes count from 10 in steps of 0.5.
PackedModel one_layer() {
  ModelSpec spec;
  spec.name = "one";
  spec.input = {1, 1, 3};
  spec.classes = 2;
  spec.nodes = {{"input", Op::kInput, {}}, {"out", Op::kDense, {0}, 2}};
  PackedModel model{spec, {8, kFloatBits, 8}, {0.5F, 10}, {}};
  PackedStep step;
  step.weights = {100, -50, 3, 0, 127, -127};
  step.weight_scales = {0.01F, 0.02F};
  step.float_bias = {1, -2};
  model.steps = {step};
  return model;
}

}  // namespace

TEST_CASE("dynamic engine: one layer by hand") {
  auto engine = Engine::make(one_layer(), 2);
  if (!engine) FAIL(engine.error().what);
  // x = {2, -4, 1} and zeros: scale 4 / 127, codes {64 (63.5 to even), -127, 32}.
  const std::uint8_t codes[] = {14, 2, 12, 10, 10, 10};
  CHECK(engine->run(codes, 2).empty());
  const auto y = engine->logits();
  const double s = 4.0 / 127;
  CHECK(y[0] == Approx(s * 0.01 * (100 * 64 + 50 * 127 + 3 * 32) + 1));
  CHECK(y[1] == Approx(s * 0.02 * (-127.0 * 127 - 127 * 32) - 2));
  CHECK(y[2] == 1);
  CHECK(y[3] == -2);
}

TEST_CASE("dynamic engine: every kind of layer is near the network in fp32, at any batch") {
  const Graph plain = *build_graph(every_layer_model({8, 8, 1}, 3), {kFloatBits, kFloatBits, 8});
  const Graph graph = *build_graph(plain.spec, {8, kFloatBits, 8});
  const Dataset data = blob_dataset({8, 8, 1}, 3, 20, 2);
  const ModelState state = init_model(plain, 1);
  PackedModel in_fp32 = pack_model(plain, state, data.grid);
  PackedModel model{in_fp32.spec, graph.quant, data.grid, {}};
  for (std::size_t i = 0; i < graph.steps.size(); ++i) {
    const PackedStep& from = in_fp32.steps[i];
    PackedStep to;
    to.float_bias = from.float_bias;
    const std::size_t channels = from.float_bias.size();
    for (std::size_t c = 0; c < channels; ++c) {
      const std::size_t each = from.float_weights.size() / channels;
      const float* w = from.float_weights.data() + c * each;
      float top = 1e-6F;
      for (std::size_t k = 0; k < each; ++k) top = std::max(top, std::abs(w[k]));
      to.weight_scales.push_back(top / 127);
      for (std::size_t k = 0; k < each; ++k) {
        to.weights.push_back(static_cast<std::int8_t>(std::lrint(w[k] / (top / 127))));
      }
    }
    model.steps.push_back(to);
  }
  auto dynamic = Engine::make(model, 7);
  auto reference = Engine::make(in_fp32, 7);
  REQUIRE(dynamic);
  REQUIRE(reference);
  std::vector<float> alone;
  for (std::size_t i = 0; i < 7; ++i) {
    dynamic->run(data.sample(i).data(), 1);
    alone.insert(alone.end(), dynamic->logits().begin(), dynamic->logits().begin() + 3);
  }
  dynamic->run(data.sample(0).data(), 7);
  reference->run(data.sample(0).data(), 7);
  float largest = 0;
  for (const float v : reference->logits().first(21)) largest = std::max(largest, std::abs(v));
  for (std::size_t i = 0; i < 21; ++i) {
    CHECK(dynamic->logits()[i] == alone[i]);
    CHECK(std::abs(dynamic->logits()[i] - reference->logits()[i]) < 0.05F * largest);
  }
}

TEST_CASE("dynamic engine: values that overflow give some output, as any file may ask for it") {
  PackedModel model = one_layer();
  model.spec.nodes = {{"input", Op::kInput, {}},
                      {"a", Op::kDense, {0}, 2},
                      {"b", Op::kDense, {1}, 2},
                      {"out", Op::kDense, {2}, 2}};
  PackedStep wide;
  wide.weights = {127, 127, 127, -127};
  wide.weight_scales = {kMaxScale, kMaxScale};
  wide.float_bias = {3e38F, -3e38F};
  model.steps[0].float_bias = {3e38F, 3e38F};
  model.steps = {model.steps[0], wide, wide};
  auto engine = Engine::make(model, 1);
  if (!engine) FAIL(engine.error().what);
  const std::uint8_t codes[] = {255, 0, 255};
  engine->run(codes, 1);
  CHECK(engine->logits().size() >= 2);
}

TEST_CASE("dynamic engine: a model with a part of another kind is refused") {
  PackedModel model = one_layer();
  model.steps[0].bias = {1, 2};
  CHECK_FALSE(validate(model));
  model = one_layer();
  model.steps[0].float_bias[1] = INFINITY;
  CHECK_FALSE(validate(model));
  model = one_layer();
  model.quant.activation_bits = 9;
  CHECK_FALSE(validate(model));
}
