#include "common/wire/broadcast.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "tests/support/random_data.h"

using namespace fedqat;

namespace {

Graph some_graph() { return *build_graph(every_layer_model({8, 8, 1}, 3), {4, 4, 8}); }

ModelState some_state(const Graph& graph) {
  return calibrated(graph, init_model(graph, 1), blob_dataset({8, 8, 1}, 3, 40, 2));
}

}  // namespace

TEST_CASE("broadcast: fp32 models come back exactly, 8-bit ones as both sides compute them") {
  const Graph graph = some_graph();
  const ModelState state = some_state(graph);
  const auto exact = decode_broadcast(graph, encode_broadcast(graph, state, 32));
  REQUIRE(exact);
  REQUIRE(exact->params == state.params);
  REQUIRE(exact->zero_points == state.zero_points);
  REQUIRE(exact->quantized);
  const Bytes narrow = encode_broadcast(graph, state, 8);
  const auto once = decode_broadcast(graph, narrow), twice = decode_broadcast(graph, narrow);
  REQUIRE(once);
  REQUIRE(once->params == twice->params);
  for (const ParamTensor& p : graph.params) {
    if (p.kind == ParamKind::kWeight) continue;
    for (std::size_t i = p.offset; i < p.offset + p.size; ++i) {
      REQUIRE(once->params[i] == state.params[i]);
    }
  }
}

TEST_CASE("broadcast: another network's model, wild scales and any bytes are refused") {
  const Graph graph = some_graph();
  ModelState state = some_state(graph);
  const Graph other = *build_graph(every_layer_model({8, 8, 1}, 4), {4, 4, 8});
  REQUIRE_FALSE(decode_broadcast(other, encode_broadcast(graph, state, 8)));
  Rng rng({.seed = 4});
  const Bytes good = encode_broadcast(graph, state, 8);
  for (int i = 0; i < 2000; ++i) {
    Bytes bytes = good;
    bytes[rng.below(static_cast<std::uint32_t>(bytes.size()))] = std::byte(rng.next_u32() & 255);
    const auto back = decode_broadcast(graph, bytes);
    if (!back) continue;
    for (const float v : back->params) REQUIRE(std::isfinite(v));
  }
  for (const ParamTensor& p : graph.params) {
    if (p.kind == ParamKind::kActivationScale) state.params[p.offset] = 41;
  }
  REQUIRE_FALSE(decode_broadcast(graph, encode_broadcast(graph, state, 8)));
}

TEST_CASE("broadcast: a variance below zero is refused with its tensor's name") {
  const Graph graph = *build_graph(batch_norm_model({8, 8, 1}, 3), {4, 4, 8});
  ModelState state = init_model(graph, 1);
  REQUIRE(decode_broadcast(graph, encode_broadcast(graph, state, 8)));
  for (const ParamTensor& p : graph.params) {
    if (p.kind == ParamKind::kRunningVariance) state.params[p.offset] = -1e-6F;
  }
  const auto refused = decode_broadcast(graph, encode_broadcast(graph, state, 8));
  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.error().what, Catch::Contains("conv.running_variance"));
}
