// What is trained is what is deployed: after a federation, the engine that is given nothing but the
// bytes of model.fedqat answers the whole test set exactly as the trainer does.
#include <algorithm>
#include <catch2/catch.hpp>

#include "common/data/load.h"
#include "common/nn/engine.h"
#include "common/nn/network.h"
#include "common/wire/model_file.h"
#include "sim/run.h"
#include "tests/support/shared_data.h"

using namespace fedqat;

namespace {

// Compares every output code of every test sample; returns how many were compared.
std::size_t compare_all(const wire::Config& config, const DataSplit& data) {
  auto outcome = run_federation(config, data, {});
  if (!outcome) FAIL(outcome.error().what);
  auto packed = decode_model(outcome->model_file, "model.fedqat");
  if (!packed) FAIL(packed.error().what);
  const auto graph = build_graph(packed->spec, packed->quant);
  REQUIRE(graph);
  Network trainer(*graph, data.train.grid, 64);
  trainer.load(outcome->state);
  auto engine = Engine::make(std::move(*packed), 64);
  REQUIRE(engine);
  std::size_t compared = 0, correct = 0, differing = 0;
  for (std::size_t i = 0; i < data.test.size(); i += 64) {
    const int n = static_cast<int>(std::min<std::size_t>(64, data.test.size() - i));
    const BatchStats stats =
        trainer.eval_batch(data.test.sample(i).data(), data.test.labels.data() + i, n);
    const auto codes = engine->run(data.test.sample(i).data(), n);
    for (std::size_t k = 0; k < codes.size(); ++k) {
      differing += codes[k] != trainer.output_codes()[k];
      differing += engine->logits()[k] != trainer.logits()[k];
    }
    compared += codes.size();
    correct += static_cast<std::size_t>(stats.correct);
  }
  CHECK(differing == 0);
  const double accuracy = static_cast<double>(correct) / static_cast<double>(data.test.size());
  CHECK(accuracy == outcome->report.final_accuracy);
  return compared;
}

wire::Config short_run(const char* model, unsigned bits) {
  wire::Config c;
  c.mutable_run()->set_rounds(6);
  c.mutable_model()->set_name(model);
  c.mutable_quant()->set_weight_bits(bits);
  c.mutable_quant()->set_activation_bits(bits);
  c.mutable_quant()->set_warmup_rounds(2);
  c.mutable_client()->set_batch(16);
  c.mutable_client()->set_learning_rate(0.02);
  return c;
}

}  // namespace

TEST_CASE("deployed: trainer and engine agree on every digit, at 8 and 4 bits") {
  auto data = load_data(*make_posix_fs(), {.name = "digits"});
  REQUIRE(data);
  for (const char* model : {"digits-cnn", "mlp-32", "resnet8"}) {
    for (const unsigned bits : {8U, 4U}) {
      INFO(model << " at " << bits << " bits");
      CHECK(compare_all(short_run(model, bits), *data) == 3600);
    }
  }
}

TEST_CASE("deployed: trainer and engine agree with bits of single layers") {
  auto data = load_data(*make_posix_fs(), {.name = "digits"});
  REQUIRE(data);
  wire::Config config = short_run("digits-cnn", 8);
  for (const char* bits : {"conv1=4", "conv2=2:5", "fc1=3"}) {
    config.mutable_quant()->add_layer_bits(bits);
  }
  CHECK(compare_all(config, *data) == 3600);
}

TEST_CASE("deployed: LeNet-5 agrees on all 10,000 test images of Fashion-MNIST or MNIST") {
  for (const char* name : {"fashion-mnist", "mnist"}) {
    auto data =
        load_data(*make_posix_fs(), {.name = name, .dir = shared_data(name), .max_train = 2000});
    if (!data) {
      WARN("skipped: " << data.error().what);
      continue;
    }
    CHECK(compare_all(short_run("lenet5", 8), *data) == 100000);
  }
}
