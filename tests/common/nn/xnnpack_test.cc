// The XNNPACK backend gives the same codes as fedqat's own kernels, or refuses the model.
#include <catch2/catch.hpp>
#include <cmath>

#include "common/base/rng.h"
#include "common/nn/engine.h"
#include "common/nn/network.h"
#include "tests/support/random_data.h"

using namespace fedqat;

namespace {

constexpr int kBatch = 5;
constexpr int kCodes = 256;

bool here() { return static_cast<bool>(backend_available(Backend::kXnnpack)); }

PackedModel packed(const ModelSpec& spec, const QuantSpec& quant, const Dataset& data,
                   std::uint64_t seed) {
  const auto graph = build_graph(spec, quant);
  REQUIRE(graph);
  return pack_model(*graph, calibrated(*graph, init_model(*graph, seed), data), data.grid);
}

// Codes of all samples, in batches of which the last is short.
void require_equal(const PackedModel& model, const Dataset& data) {
  auto ours = Engine::make(model, kBatch);
  auto theirs = Engine::make(model, kBatch, Backend::kXnnpack);
  REQUIRE(ours);
  if (!theirs) FAIL(theirs.error().what);
  for (std::size_t i = 0; i < data.size(); i += kBatch) {
    const int n = static_cast<int>(std::min<std::size_t>(kBatch, data.size() - i));
    const auto a = ours->run(data.sample(i).data(), n);
    const auto b = theirs->run(data.sample(i).data(), n);
    REQUIRE(std::vector(a.begin(), a.end()) == std::vector(b.begin(), b.end()));
    for (std::size_t k = 0; k < a.size(); ++k) REQUIRE(ours->logits()[k] == theirs->logits()[k]);
  }
}

// A model of one step that makes kCodes outputs. Sample and channel give its input codes: every
// code stands alone in the first sample, with others in the rest.
struct OneStep {
  OneStep(const NodeSpec& node, const Shape& shape) {
    model.spec = {.name = "one", .input = shape, .classes = kCodes, .nodes = {}};
    model.spec.nodes = {{.name = "input", .op = Op::kInput, .inputs = {}}, node};
    model.steps.resize(1);
    data = random_dataset(shape, kCodes, 3, 4);
    for (std::size_t i = 0; i < shape.size(); ++i) {
      data.codes[i] = static_cast<std::uint8_t>(i % kCodes);
    }
  }
  void require_equal_at(float from, int from_zero, float to, int to_zero) {
    INFO("scales " << from << " and " << to);
    model.input = data.grid = {from, from_zero};
    model.steps[0].activation_scale = to;
    model.steps[0].activation_zero = to_zero;
    require_equal(model, data);
  }
  // Ratios that put many positions between two codes, and any others.
  void require_equal_everywhere() {
    Rng rng(RngKey{.seed = 5});
    for (int i = 1; i <= 60; ++i) {
      const auto step = static_cast<float>(i);
      require_equal_at(1, 0, step, 3);
      require_equal_at(0.1F, 128, 0.1F * step, 100);
      require_equal_at(1 / step, 77, 0.25F, 128);
      require_equal_at(0.5F + rng.uniform(), 255, 0.5F + rng.uniform(), 0);
    }
  }

  PackedModel model;
  Dataset data;
};

}  // namespace

TEST_CASE("xnnpack: equals the engine for every layer type and bit width") {
  if (!here()) return;
  const Shape image{9, 8, 3};
  const Dataset data = random_dataset(image, 6, 23, 3);
  for (const auto& [w, a, edge] : {std::array{8, 8, 8}, {4, 4, 8}, {3, 5, 6}, {2, 2, 2}}) {
    const QuantSpec q{.weight_bits = w, .activation_bits = a, .edge_bits = edge};
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      require_equal(packed(every_layer_model(image, 6), q, data, seed), data);
    }
  }
  require_equal(packed(batch_norm_model(image, 6), {}, data, 7), data);
}

TEST_CASE("xnnpack: equals the engine for the networks of the zoo") {
  if (!here()) return;
  const auto equal = [](const char* name, const Shape& shape, int classes) {
    INFO(name);
    const Dataset data = random_dataset(shape, classes, 8, 3);
    require_equal(packed(*model_from_zoo(name, shape, classes), {}, data, 7), data);
  };
  for (const char* name :
       {"softmax", "mlp-256-128", "digits-cnn", "lenet5", "cnn", "femnist-cnn"}) {
    equal(name, {28, 28, 1}, 10);
  }
  equal("cifar-cnn", {32, 32, 3}, 10);
  equal("resnet8", {32, 32, 3}, 10);
  equal("ds-cnn", {49, 10, 1}, 12);
}

TEST_CASE("xnnpack: positions on the border between two codes round as ours") {
  if (!here()) return;
  // Positions are small sums times the ratio.
  const Shape shape{1, 1, 4};
  const Dataset data = random_dataset(shape, 3, 2000, 9);
  PackedModel model = packed(*model_from_zoo("softmax", shape, 3), {}, data, 1);
  model.input.scale = 0.5F;
  for (const float ratio : {0.5F, 0.25F, 0.125F, 1.5F, 255.5F, 0.1F}) {
    for (PackedStep& s : model.steps) {
      for (std::size_t i = 0; i < s.weights.size(); ++i) s.weights[i] = i % 3 == 0 ? -1 : 1;
      std::fill(s.bias.begin(), s.bias.end(), 0);
      s.activation_scale = 0.25F;
      s.activation_zero = 100;
      std::fill(s.weight_scales.begin(), s.weight_scales.end(), ratio / 2);
    }
    require_equal(model, data);
  }
}

TEST_CASE("xnnpack: sums round as ours on the border between two codes too") {
  if (!here()) return;
  OneStep({.name = "sum", .op = Op::kAdd, .inputs = {0, 0}}, {1, 1, kCodes})
      .require_equal_everywhere();
}

TEST_CASE("xnnpack: means round as ours on the border between two codes too") {
  if (!here()) return;
  for (const int side : {2, 3, 5, 7}) {
    const NodeSpec mean{.name = "mean",
                        .op = Op::kAvgPool,
                        .inputs = {0},
                        .kernel_h = side,
                        .kernel_w = 3,
                        .stride = 1};
    OneStep(mean, {side, 3, kCodes}).require_equal_everywhere();
  }
}

TEST_CASE("xnnpack: models that it cannot run exactly are refused with the remedy") {
  if (!here()) return;
  const Shape shape{4, 4, 1};
  const Dataset data = random_dataset(shape, 3, 20, 1);
  const auto refused = [](const PackedModel& model, const char* text) {
    REQUIRE(Engine::make(model, 1));
    const auto made = Engine::make(model, 1, Backend::kXnnpack);
    REQUIRE_FALSE(made);
    CHECK(made.error().code == Errc::kInvalid);
    CHECK_THAT(made.error().what, Catch::Contains(text));
    CHECK_THAT(made.error().what, Catch::Contains("use the builtin backend"));
  };
  const auto spec = *model_from_zoo("mlp-8", shape, 3);
  PackedModel steep = packed(spec, {}, data, 1);
  steep.steps[0].weight_scales[0] = 300 * steep.steps[0].activation_scale / steep.input.scale;
  refused(steep, "fc1");
  const auto graph = build_graph(spec, {kFloatBits, kFloatBits, 8});
  REQUIRE(graph);
  refused(pack_model(*graph, init_model(*graph, 1), data.grid), "integer models");
}

TEST_CASE("xnnpack: a build without it says what to install") {
  if (here()) return;
  const auto none = backend_available(Backend::kXnnpack);
  CHECK_THAT(none.error().what, Catch::Contains("libxnnpack-dev"));
}
