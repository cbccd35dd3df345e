// Steps in integers on several threads: the same bits as on one.
#include "common/nn/network.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>

#include "tests/support/random_data.h"

using namespace fedqat;

namespace {

constexpr BatchKey kKey{17, 3, 11, 5};

NodeSpec& add(ModelSpec& spec, Op op, int units = 0) {
  NodeSpec n{.name = "n", .op = op, .inputs = {}};
  n.name += std::to_string(spec.nodes.size());
  if (!spec.nodes.empty()) n.inputs = {static_cast<int>(spec.nodes.size()) - 1};
  n.units = units;
  return spec.nodes.emplace_back(n);
}

NodeSpec& conv(ModelSpec& spec, int units, int kernel, int stride, int padding) {
  NodeSpec& n = add(spec, Op::kConv2d, units);
  n.kernel_h = n.kernel_w = kernel;
  n.stride = stride;
  n.padding_h = n.padding_w = padding;
  return n;
}

// More rows than one sum takes, windows, unfolded patches, pixels, both gradients of the input.
ModelSpec convolutions(const Shape& input) {
  ModelSpec spec{.name = "convolutions", .input = input, .classes = 5, .nodes = {}};
  add(spec, Op::kInput);
  conv(spec, 12, 5, 1, 2);
  add(spec, Op::kRelu);
  NodeSpec& pool = add(spec, Op::kMaxPool);
  pool.kernel_h = pool.kernel_w = pool.stride = 2;
  conv(spec, 13, 3, 2, 1);
  add(spec, Op::kRelu);
  conv(spec, 40, 1, 1, 0);
  conv(spec, 9, 3, 3, 0);
  add(spec, Op::kFlatten);
  add(spec, Op::kDense, 5);
  return spec;
}

}  // namespace

TEST_CASE("threads: gradients and outputs have the same bits") {
  struct Case {
    ModelSpec spec;
    QuantSpec quant;
    int n;
  };
  const std::vector<Case> cases = {
      {convolutions({64, 64, 3}), {}, 19},
      {convolutions({37, 50, 2}), {.weight_bits = 3, .activation_bits = 4}, 2},
      {*model_from_zoo("lenet5", {28, 28, 1}, 10), {}, 33},
      {*model_from_zoo("mlp-1100-70", {1, 1, 500}, 10), {}, 9},
      {*model_from_zoo("mlp-1100-70", {1, 1, 500}, 10), {.tensor_weight_scales = true}, 1},
  };
  for (const Case& c : cases) {
    const auto graph = build_graph(c.spec, c.quant);
    REQUIRE(graph);
    const Dataset data =
        random_dataset(c.spec.input, c.spec.classes, static_cast<std::size_t>(c.n), 4);
    const ModelState state = calibrated(*graph, init_model(*graph, 9), data);
    Network alone(*graph, data.grid, c.n, Backward::kInt8);
    alone.load(state);
    alone.train_batch(data.codes.data(), data.labels.data(), c.n, kKey);
    for (const int threads : {2, 3, 5}) {
      INFO(c.spec.name << ", " << threads << " threads");
      Team team(threads);
      Network net(*graph, data.grid, c.n, Backward::kInt8, &team);
      net.load(state);
      for (int repeat = 0; repeat < 2; ++repeat) {  // memory of the first is not clean
        net.train_batch(data.codes.data(), data.labels.data(), c.n, kKey);
        CHECK(std::equal(net.output_codes().begin(), net.output_codes().end(),
                         alone.output_codes().begin()));
        CHECK(std::memcmp(net.grads().data(), alone.grads().data(), net.grads().size_bytes()) == 0);
      }
    }
  }
}
