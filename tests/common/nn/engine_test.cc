// What is trained is what is deployed: the engine, given the packed model alone, repeats the
// trainer's evaluation bit for bit, and both repeat a plain transcription of docs/numerics.md.
#include "common/nn/engine.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "common/nn/network.h"
#include "tests/support/random_data.h"

using namespace fedqat;

namespace {

struct Case {
  ModelSpec spec;
  QuantSpec quant;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  const Shape image{9, 8, 3};
  for (const auto& [w, a, edge] : {std::array{8, 8, 8}, {4, 4, 8}, {3, 5, 6}, {2, 2, 2}}) {
    const QuantSpec q{.weight_bits = w, .activation_bits = a, .edge_bits = edge};
    all.push_back({every_layer_model(image, 6), q});
  }
  for (std::uint32_t rule = 1; rule <= kLastRangeRule; ++rule) {
    const QuantSpec q{.weight_bits = 4,
                      .activation_bits = 5,
                      .tensor_weight_scales = rule % 2 == 1,
                      .range_rule = static_cast<RangeRule>(rule)};
    all.push_back({every_layer_model(image, 6), q});
    all.push_back({batch_norm_model(image, 6), q});
  }
  all.push_back({batch_norm_model(image, 6), {}});
  const std::vector<LayerBits> mixed = {
      {"conv", 2, 5}, {"branch", 3, 0}, {"sum", 0, 4}, {"strided", 7, 6}, {"depth", 4, 3}};
  all.push_back({every_layer_model(image, 6), {.layers = mixed}});
  all.push_back({batch_norm_model(image, 6), {.layers = {{"conv", 3, 4}}}});
  all.push_back({*model_from_zoo("ds-cnn", {49, 10, 1}, 12), {4, 8, 8}});
  for (const char* name : {"softmax", "mlp-32-16", "digits-cnn", "resnet8"}) {
    all.push_back({*model_from_zoo(name, {12, 12, 1}, 10), {}});
  }
  // Convolutions whose sums are pooled before they are rounded, of even and odd sizes.
  all.push_back({*model_from_zoo("femnist-cnn", {17, 27, 1}, 5), {}});
  all.push_back({*model_from_zoo("cifar-cnn", {20, 22, 3}, 5), {4, 4, 8}});
  return all;
}

// docs/numerics.md in its plainest form, one sample, one output element at a time.
std::vector<int> reference(const PackedModel& m, const Graph& g, const std::uint8_t* input) {
  struct V {
    Shape shape;
    std::vector<int> q;
    float scale;
    int zero;
  };
  std::vector<V> values = {
      {g.spec.input, {input, input + g.spec.input.size()}, m.input.scale, m.input.zero}};
  for (std::size_t i = 0; i < g.steps.size(); ++i) {
    const Step& s = g.steps[i];
    const PackedStep& p = m.steps[i];
    const V& x = values[static_cast<std::size_t>(s.inputs[0])];
    const bool own = s.activation_scale != kNone;
    V y{s.out, std::vector<int>(s.out.size()), own ? p.activation_scale : x.scale,
        own ? p.activation_zero : x.zero};
    const float top = std::ldexp(1.0F, s.activation_bits) - 1;
    const auto round = [&](float t) {
      const float code = std::rint(t) + static_cast<float>(y.zero);
      const float low = s.relu ? static_cast<float>(y.zero) : 0.0F;
      return static_cast<int>(std::min(std::max(code, low), top));
    };
    const bool dense = s.op == Op::kDense;
    const int kh = dense ? x.shape.h : s.kernel_h, kw = dense ? x.shape.w : s.kernel_w;
    for (int oy = 0; oy < s.out.h; ++oy)
      for (int ox = 0; ox < s.out.w; ++ox)
        for (int c = 0; c < s.out.c; ++c) {
          const auto at = static_cast<std::size_t>((oy * s.out.w + ox) * s.out.c + c);
          const auto cs = static_cast<std::size_t>(c);
          std::int64_t acc = s.has_weights() ? p.bias[cs] : 0;
          int best = 0, sum = 0;
          for (int ky = 0; ky < kh; ++ky)
            for (int kx = 0; kx < kw; ++kx)
              for (int ch = 0; ch < x.shape.c; ++ch) {
                const int iy = oy * s.stride + ky - s.padding_h;
                const int ix = ox * s.stride + kx - s.padding_w;
                const bool in = iy >= 0 && ix >= 0 && iy < x.shape.h && ix < x.shape.w;
                const int q =
                    in ? x.q[static_cast<std::size_t>((iy * x.shape.w + ix) * x.shape.c + ch)]
                       : x.zero;
                if (s.op == Op::kDepthwiseConv2d) {
                  const auto k = static_cast<std::size_t>((c * kh + ky) * kw + kx);
                  if (ch == c) acc += std::int64_t{q - x.zero} * p.weights[k];
                } else if (s.has_weights()) {
                  const auto k = static_cast<std::size_t>((ky * kw + kx) * x.shape.c + ch);
                  const auto fan_in = static_cast<std::size_t>(kh * kw * x.shape.c);
                  acc += std::int64_t{q - x.zero} * p.weights[cs * fan_in + k];
                } else if (ch == c) {
                  best = std::max(best, q);
                  sum += q - x.zero;
                }
              }
          switch (s.op) {
            case Op::kDense:
            case Op::kConv2d:
            case Op::kDepthwiseConv2d:
              y.q[at] =
                  round(static_cast<float>(acc) * ((x.scale * p.weight_scales[cs]) / y.scale));
              break;
            case Op::kMaxPool:
              y.q[at] = best;
              break;
            case Op::kAvgPool:
              y.q[at] =
                  round(static_cast<float>(sum) / static_cast<float>(kh * kw) * x.scale / y.scale);
              break;
            case Op::kAdd: {
              const V& b = values[static_cast<std::size_t>(s.inputs[1])];
              y.q[at] = round((static_cast<float>(x.q[at] - x.zero) * x.scale +
                               static_cast<float>(b.q[at] - b.zero) * b.scale) /
                              y.scale);
              break;
            }
            case Op::kRelu:
              y.q[at] = std::max(x.q[at], x.zero);
              break;
            default:
              FAIL("no such step");
          }
        }
    values.push_back(y);
  }
  return values.back().q;
}

}  // namespace

TEST_CASE("engine: equals the trainer's integer pass and the written numerics, every layer type") {
  for (const Case& c : cases()) {
    const auto graph = build_graph(c.spec, c.quant);
    REQUIRE(graph);
    const Dataset data = random_dataset(c.spec.input, c.spec.classes, 41, 3);
    const ModelState state = calibrated(*graph, init_model(*graph, 7), data);
    Network network(*graph, data.grid, 16);
    network.load(state);
    const PackedModel packed = pack_model(*graph, state, data.grid);
    auto engine = Engine::make(packed, 16);
    REQUIRE(engine);
    INFO(c.spec.name << " W" << c.quant.weight_bits << "A" << c.quant.activation_bits);
    std::vector<int> seen;
    for (std::size_t i = 0; i < data.size(); i += 16) {
      const int n = static_cast<int>(std::min<std::size_t>(16, data.size() - i));
      network.eval_batch(data.sample(i).data(), data.labels.data() + i, n);
      const auto codes = engine->run(data.sample(i).data(), n);
      for (std::size_t k = 0; k < codes.size(); ++k) {
        REQUIRE(codes[k] == network.output_codes()[k]);
        REQUIRE(engine->logits()[k] == network.logits()[k]);
        seen.push_back(codes[k]);
      }
      for (int k = 0; k < n; ++k) {
        const auto expected =
            reference(packed, *graph, data.sample(i + static_cast<std::size_t>(k)).data());
        const auto row = codes.subspan(static_cast<std::size_t>(k * c.spec.classes),
                                       static_cast<std::size_t>(c.spec.classes));
        REQUIRE(std::equal(row.begin(), row.end(), expected.begin(), expected.end()));
      }
    }
    const auto [low, high] = std::minmax_element(seen.begin(), seen.end());
    CHECK(*high - *low >= (c.quant.edge_bits == 2 ? 1 : 20));  // not a test of constants
  }
}

TEST_CASE("engine: an fp32 model gives the trainer's fp32 logits") {
  const auto graph = build_graph(every_layer_model({9, 8, 3}, 6), {kFloatBits, kFloatBits, 8});
  REQUIRE(graph);
  const Dataset data = random_dataset({9, 8, 3}, 6, 20, 3);
  const ModelState state = init_model(*graph, 7);
  Network network(*graph, data.grid, 20);
  network.load(state);
  const BatchStats stats = network.eval_batch(data.codes.data(), data.labels.data(), 20);
  auto engine = Engine::make(pack_model(*graph, state, data.grid), 20);
  REQUIRE(engine);
  const EvalResult result = engine->evaluate(data, 0, 20);
  CHECK(result.correct == static_cast<std::uint64_t>(stats.correct));
  CHECK(result.loss == stats.loss);
}

TEST_CASE("engine: hostile packed models are refused with the layer's name") {
  const auto graph = build_graph(*model_from_zoo("mlp-8", {4, 4, 1}, 3), {});
  REQUIRE(graph);
  const Dataset data = random_dataset({4, 4, 1}, 3, 20, 1);
  const PackedModel good =
      pack_model(*graph, calibrated(*graph, init_model(*graph, 1), data), data.grid);
  REQUIRE(validate(good));
  const auto refuses = [&](auto spoil, const char* text) {
    PackedModel bad = good;
    spoil(bad);
    const auto r = validate(bad);
    REQUIRE_FALSE(r);
    CHECK_THAT(r.error().what, Catch::Contains(text));
    CHECK_FALSE(Engine::make(bad, 4));
  };
  refuses([](PackedModel& m) { m.steps[0].weights.pop_back(); }, "fc1");
  refuses([](PackedModel& m) { m.steps[1].weights[3] = -128; }, "fc2");
  refuses([](PackedModel& m) { m.steps[0].weight_scales[0] = 0; }, "fc1");
  refuses([](PackedModel& m) { m.steps[0].weight_scales[0] = -1; }, "fc1");
  refuses([](PackedModel& m) { m.steps[0].weight_scales[0] = std::nanf(""); }, "fc1");
  refuses([](PackedModel& m) { m.steps[0].activation_scale = INFINITY; }, "fc1");
  refuses([](PackedModel& m) { m.steps[0].activation_scale = 1e30F; }, "fc1");
  refuses([](PackedModel& m) { m.steps[0].weight_scales[0] = 1e-30F; }, "fc1");
  refuses([](PackedModel& m) { m.input.scale = 1e-30F; }, "input");
  refuses([](PackedModel& m) { m.steps[0].activation_zero = 256; }, "fc1");
  refuses([](PackedModel& m) { m.steps[1].bias[0] = std::numeric_limits<int>::min(); }, "fc2");
  refuses([](PackedModel& m) { m.steps.pop_back(); }, "packed layers");
  refuses([](PackedModel& m) { m.input.zero = -1; }, "input");
  refuses([](PackedModel& m) { m.spec.nodes[2].units = 1 << 30; }, "units");
  refuses([](PackedModel& m) { m.quant.weight_bits = 9; }, "bits");
}

TEST_CASE(
    "graph: bits of single layers are those of their steps, and impossible ones are refused") {
  const ModelSpec spec = every_layer_model({9, 8, 3}, 6);
  const auto graph =
      build_graph(spec, {.weight_bits = 4, .layers = {{"branch", 2, 0}, {"sum", 0, 3}}});
  REQUIRE(graph);
  for (const Step& s : graph->steps) {
    INFO(s.name);
    if (s.name == "branch") CHECK((s.weight_bits == 2 && s.activation_bits == 8));
    if (s.name == "sum") CHECK((s.weight_bits == kFloatBits && s.activation_bits == 3));
    if (s.name == "strided") CHECK((s.weight_bits == 4 && s.activation_bits == 8));
  }
  const auto refuses = [&](const std::vector<LayerBits>& layers, const char* text,
                           int weight_bits = 8) {
    const auto r = build_graph(
        spec, {.weight_bits = weight_bits, .activation_bits = weight_bits, .layers = layers});
    REQUIRE_FALSE(r);
    CHECK_THAT(r.error().what, Catch::Contains(text) && Catch::Contains("; "));
  };
  refuses({{"conv7", 4, 0}}, "those with weights are conv, branch, strided");
  refuses({{"conv", 4, 0}, {"conv", 4, 0}}, "twice");
  refuses({{"conv", 1, 0}}, "2 to 8");
  refuses({{"conv", 4, 9}}, "2 to 8");
  refuses({{"conv", -4, 4}}, "2 to 8");
  refuses({{"conv", 0, 0}}, "none");
  refuses({{"sum", 4, 0}}, "no weights");
  refuses({{"pool", 0, 4}}, "grid");
  refuses({{"conv", 4, 0}}, "fp32", kFloatBits);
}
