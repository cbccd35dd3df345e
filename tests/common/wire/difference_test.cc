#include "common/wire/difference.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "common/codec/eden.h"
#include "common/wire/broadcast.h"
#include "tests/support/random_data.h"

using namespace fedqat;

namespace {

Graph some_graph() { return *build_graph(every_layer_model({8, 8, 1}, 3), {4, 4, 8}); }

ModelState some_state(const Graph& graph) {
  return calibrated(graph, init_model(graph, 1), blob_dataset({8, 8, 1}, 3, 40, 2));
}

bool is_stepped(const ParamTensor& t) {
  return t.kind == ParamKind::kWeight && t.size >= kLeastEdenBlock;
}

// Squared distance of the tensors that travel as steps.
double distance(const Graph& graph, std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (const ParamTensor& t : graph.params) {
    if (!is_stepped(t)) continue;
    for (std::size_t i = t.offset; i < t.offset + t.size; ++i) {
      sum += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
    }
  }
  return sum;
}

}  // namespace

TEST_CASE("difference: what a step leaves out comes with the next one") {
  const Graph graph = some_graph();
  const ModelState to = some_state(graph);
  REQUIRE(std::any_of(graph.params.begin(), graph.params.end(), is_stepped));
  for (const auto& [bits, left] : {std::pair{2, 0.2}, {4, 0.015}, {8, 1e-4}}) {
    CAPTURE(bits);
    std::vector<float> held = init_model(graph, 2).params;
    double before = distance(graph, held, to.params);
    for (std::uint32_t round = 1; round < 4; ++round) {
      const Bytes bytes =
          encode_difference(graph, held, to, bits, Rng({.seed = 1, .round = round}));
      const auto next = apply_difference(graph, held, bytes);
      REQUIRE(next);
      CHECK(next->quantized);
      CHECK(next->zero_points == to.zero_points);
      const double after = distance(graph, next->params, to.params);
      CHECK(after < left * before);
      before = after;
      held = next->params;
      for (const ParamTensor& t : graph.params) {
        if (is_stepped(t)) continue;
        for (std::size_t i = t.offset; i < t.offset + t.size; ++i) {
          REQUIRE(held[i] == to.params[i]);
        }
      }
    }
  }
}

TEST_CASE("difference: two bits are an eighth of the weights' bytes at sixteen") {
  const Graph graph = *build_graph(*model_from_zoo("mlp-64", {28, 28, 1}, 10), {8, 8, 8});
  const ModelState model = init_model(graph, 1);
  const std::size_t whole = encode_plain(graph, model).size();
  const Bytes bytes =
      encode_difference(graph, init_model(graph, 2).params, model, 2, Rng({.seed = 1}));
  CHECK(bytes.size() < whole / 15);
}

TEST_CASE("difference: a plain model says the same, in the same bytes on both sides") {
  const Graph graph = some_graph();
  const ModelState state = some_state(graph);
  const Bytes bytes = encode_plain(graph, state);
  const auto back = decode_broadcast(graph, bytes);
  REQUIRE(back);
  CHECK(back->params == state.params);
  CHECK(encode_plain(graph, *back) == bytes);
}

TEST_CASE("difference: another network's, a whole model, wild scales and any bytes are refused") {
  const Graph graph = some_graph();
  ModelState to = some_state(graph);
  const std::vector<float> from = init_model(graph, 2).params;
  const Bytes good = encode_difference(graph, from, to, 4, Rng({.seed = 1}));
  const Graph other = *build_graph(every_layer_model({8, 8, 1}, 4), {4, 4, 8});
  CHECK_FALSE(apply_difference(other, init_model(other, 1).params, good));
  CHECK_FALSE(apply_difference(graph, from, encode_plain(graph, to)));
  CHECK_FALSE(decode_broadcast(graph, good));
  Rng rng({.seed = 4});
  for (int i = 0; i < 2000; ++i) {
    Bytes bytes = good;
    bytes[rng.below(static_cast<std::uint32_t>(bytes.size()))] = std::byte(rng.next_u32() & 255);
    const auto next = apply_difference(graph, from, bytes);
    if (!next) continue;
    for (const float v : next->params) REQUIRE(std::isfinite(v));
  }
  for (std::size_t n = 0; n < good.size(); n += 7) {
    CHECK_FALSE(apply_difference(graph, from, ByteView(good).first(n)));
  }
  for (const ParamTensor& p : graph.params) {
    if (p.kind == ParamKind::kActivationScale) to.params[p.offset] = 41;
  }
  CHECK_FALSE(
      apply_difference(graph, from, encode_difference(graph, from, to, 4, Rng({.seed = 1}))));
}
