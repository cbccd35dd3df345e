#include "client/cli/bench.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "common/base/memory.h"

using namespace fedqat;

namespace {

wire::Config defaults(const std::vector<std::string>& overrides = {}) {
  return *parse_config("", "test", overrides);
}

BenchRow some_row() {
  return {.model = "lenet5",
          .test = "train W8A8",
          .batch = 32,
          .isa = "avx2",
          .samples_per_s = 4000,
          .deviation = 12.5,
          .gop_per_s = 9,
          .peak_gop_per_s = 36,
          .memory_bytes = 3 << 20};
}

}  // namespace

TEST_CASE("bench: a network of the zoo gets the input it was made for") {
  CHECK(bench_model("lenet5", defaults())->data.shape == Shape{28, 28, 1});
  CHECK(bench_model("cifar-cnn", defaults())->data.shape == Shape{32, 32, 3});
  CHECK(bench_model("digits-cnn", defaults())->network.model.input == Shape{8, 8, 1});
  for (const std::string& name : default_bench_models()) {
    INFO(name);
    CHECK(bench_model(name, defaults()));
  }
}

TEST_CASE("bench: input and classes may stand behind the name") {
  const auto features = bench_model("mlp-64@561:6", defaults());
  REQUIRE(features);
  CHECK(features->name == "mlp-64@561:6");
  CHECK(features->data.shape == Shape{1, 1, 561});
  CHECK(features->network.model.classes == 6);
  CHECK(bench_model("cnn@32x28x3", defaults())->data.shape == Shape{32, 28, 3});
  for (const char* text :
       {"cnn@", "cnn@0", "cnn@28x28", "cnn@28x28x1x1", "cnn@28x28x1:", "cnn@28x28x1:0",
        "cnn@28x28x1:257", "cnn@-1", "cnn@x", "cnn@1 ", "@1", "nonsense", ""}) {
    INFO(text);
    CHECK(bench_model(text, defaults()).error().code == Errc::kInvalid);
  }
}

TEST_CASE("bench: training costs three products a layer, but two in the first") {
  const auto model = bench_model("mlp-8@10:2", defaults());
  const auto graph = build_graph(model->network.model, model->network.quant);
  REQUIRE(graph->macs == 10 * 8 + 8 * 2);
  CHECK(training_operations(*graph) == 4 * 10 * 8 + 6 * 8 * 2);
}

TEST_CASE("bench: rows of a quantized and of a float network") {
  std::vector<BenchRow> rows;
  const auto sink = [&](const BenchRow& row) { rows.push_back(row); };
  const BenchTiming timing{2, 0.001};
  const auto config = defaults({"client.batch=4"});
  REQUIRE(measure(*bench_model("mlp-8@10:2", config), config, timing, sink));
  REQUIRE(rows.size() == 4);
  CHECK(rows[0].test == "train fp32");
  CHECK(rows[1].test == "train W8A8");
  CHECK(rows[2].test == "infer W8A8");
  CHECK(rows[2].batch == 1);
  CHECK(rows[3].batch == 4);
  for (const BenchRow& row : rows) {
    CHECK(row.samples_per_s > 0);
    CHECK(row.deviation >= 0);
    CHECK(row.gop_per_s > 0);
    CHECK(row.isa == isa_name(best_isa()));
  }
  if (heap_bytes() > 0) {  // weights, gradients, velocity, first model and change, in floats
    CHECK(rows[0].memory_bytes >= 5 * 4 * (10 * 8 + 8 + 8 * 2 + 2));
    CHECK(rows[1].memory_bytes >= 5 * 4 * (10 * 8 + 8 + 8 * 2 + 2));
  }
  CHECK(rows[2].memory_bytes == 0);
  rows.clear();
  REQUIRE(measure(*bench_model("mlp-8@10:2", config), defaults({"duty.threads=2"}), timing, sink));
  REQUIRE(rows.size() == 5);
  CHECK(rows[2].test == "train W8A8");
  CHECK(rows[2].threads == 2);
  CHECK(rows[3].threads == 1);
  rows.clear();
  const auto real =
      defaults({"client.batch=1", "quant.weight_bits=32", "quant.activation_bits=32"});
  REQUIRE(measure(*bench_model("mlp-8@10:2", real), real, timing, sink));
  REQUIRE(rows.size() == 2);
  CHECK(rows[1].test == "infer fp32");
}

TEST_CASE("bench: a row survives JSON, and what is not known is null") {
  const BenchRow row = some_row();
  const nlohmann::ordered_json json(row);
  CHECK(json["share_of_peak"] == 0.25);
  CHECK(json["us_per_sample"] == 250);
  const auto again = json.get<BenchRow>();
  CHECK(nlohmann::ordered_json(again) == json);
  const nlohmann::ordered_json empty(BenchRow{});
  CHECK(empty["peak_gop_per_s"].is_null());
  CHECK(empty["memory_bytes"].is_null());
  CHECK(nlohmann::ordered_json(empty.get<BenchRow>()) == empty);
}

TEST_CASE("bench: a row as Markdown and as CSV") {
  CHECK(bench_line(BenchFormat::kMarkdown, some_row(), false) ==
        "| lenet5 | train W8A8 | 32 | avx2 | 1 | 4000 ± 12 | 250.00 | 9.00 | 25.0% | 3.00 |\n");
  CHECK(
      bench_line(BenchFormat::kCsv, some_row(), true) ==
      "model,test,batch,isa,threads,samples_per_s,samples_per_s_deviation,us_per_sample,gop_per_s,"
      "peak_gop_per_s,share_of_peak,memory_bytes\n"
      "lenet5,train W8A8,32,avx2,1,4000.0,12.5,250.0,9.0,36.0,0.25,3145728\n");
}
