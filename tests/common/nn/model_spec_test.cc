#include "common/nn/model_spec.h"

#include <catch2/catch.hpp>

#include "common/nn/graph.h"

using namespace fedqat;

TEST_CASE("model zoo: LeNet-5 has its well-known size and every model builds") {
  const auto lenet = model_from_zoo("lenet5", {28, 28, 1}, 10);
  REQUIRE(lenet);
  const auto graph = build_graph(*lenet, {});
  REQUIRE(graph);
  CHECK(graph->weight_count == 61706);
  CHECK(graph->steps.size() == 7);  // ReLU and Flatten are gone
  for (const char* name :
       {"softmax", "mlp-256-128", "digits-cnn", "cnn", "femnist-cnn", "cifar-cnn", "resnet8"}) {
    const auto spec = model_from_zoo(name, {28, 28, 3}, 10);
    REQUIRE(spec);
    CHECK(build_graph(*spec, {}));
  }
}

TEST_CASE("model zoo: unknown names and misfits are refused with what would fit") {
  for (const char* name : {"lenet", "mlp-", "mlp-12-", "mlp-x", "mlp-0", ""}) {
    const auto r = model_from_zoo(name, {28, 28, 1}, 10);
    REQUIRE_FALSE(r);
    CHECK_THAT(r.error().what, Catch::Contains("known: softmax"));
  }
  const auto small = model_from_zoo("lenet5", {4, 4, 1}, 10);
  REQUIRE_FALSE(small);
  CHECK_THAT(small.error().what, Catch::Contains("kernel does not fit"));
}

TEST_CASE("model spec: wrong graphs are refused with the layer's name") {
  ModelSpec good = *model_from_zoo("mlp-4", {2, 2, 1}, 3);
  REQUIRE(infer_shapes(good));
  const auto refuses = [&](auto spoil, const char* text) {
    ModelSpec bad = good;
    spoil(bad);
    const auto r = infer_shapes(bad);
    REQUIRE_FALSE(r);
    CHECK_THAT(r.error().what, Catch::Contains(text));
  };
  refuses([](ModelSpec& m) { m.nodes[2].inputs = {2}; }, "earlier layer");
  refuses([](ModelSpec& m) { m.nodes[2].inputs = {-1}; }, "earlier layer");
  refuses([](ModelSpec& m) { m.nodes[2].inputs = {}; }, "one input");
  refuses([](ModelSpec& m) { m.nodes[2].name = m.nodes[1].name; }, "unique");
  refuses([](ModelSpec& m) { m.nodes[2].units = 0; }, "units");
  refuses([](ModelSpec& m) { m.classes = 5; }, "units = 5");
  refuses([](ModelSpec& m) { m.nodes.clear(); }, "input");
  refuses([](ModelSpec& m) { m.input.h = -3; }, "input shape");
}

TEST_CASE("graph: edges keep their own bits and sums that may overflow are refused") {
  const auto spec = model_from_zoo("lenet5", {28, 28, 1}, 10);
  const auto graph = build_graph(*spec, {.weight_bits = 4, .activation_bits = 3, .edge_bits = 8});
  REQUIRE(graph);
  CHECK(graph->steps.front().weight_bits == 8);
  CHECK(graph->steps.front().activation_bits == 3);
  CHECK(graph->steps[2].weight_bits == 4);
  CHECK(graph->steps.back().weight_bits == 8);
  CHECK(graph->steps.back().activation_bits == 8);
  const auto wide = model_from_zoo("softmax", {256, 256, 1}, 10);
  REQUIRE(wide);
  const auto refused = build_graph(*wide, {});
  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.error().what, Catch::Contains("overflow"));
}

TEST_CASE("graph: descriptions that ask for huge memory are refused with the layer's name") {
  const auto refused = [](const ModelSpec& spec, const char* text) {
    const auto graph = build_graph(spec, {});
    REQUIRE_FALSE(graph);
    CHECK_THAT(graph.error().what, Catch::Contains("limit is") && Catch::Contains(text));
  };
  refused(*model_from_zoo("mlp-32768-32768", {1, 1, 4}, 3), "fc2");
  ModelSpec windows{.name = "w", .input = {1024, 1024, 1}, .classes = 3, .nodes = {}};
  windows.nodes = {{.name = "input", .op = Op::kInput, .inputs = {}},
                   {.name = "big",
                    .op = Op::kConv2d,
                    .inputs = {0},
                    .units = 1,
                    .kernel_h = 128,
                    .kernel_w = 128,
                    .padding_h = 64,
                    .padding_w = 64},
                   {.name = "down",
                    .op = Op::kMaxPool,
                    .inputs = {1},
                    .kernel_h = 16,
                    .kernel_w = 16,
                    .stride = 16},
                   {.name = "out", .op = Op::kDense, .inputs = {2}, .units = 3}};
  refused(windows, "big");
}

TEST_CASE("model_spec: an input whose size no machine counts is refused") {
  ModelSpec spec{.name = "m", .input = {16384, 16384, 16384}, .classes = 2, .nodes = {}};
  spec.nodes = {{.name = "input", .op = Op::kInput, .inputs = {}},
                {.name = "flat", .op = Op::kFlatten, .inputs = {0}},
                {.name = "out", .op = Op::kDense, .inputs = {1}, .units = 2}};
  const auto shapes = infer_shapes(spec);
  REQUIRE_FALSE(shapes);
  CHECK_THAT(shapes.error().what, Catch::Contains("too large"));
}
