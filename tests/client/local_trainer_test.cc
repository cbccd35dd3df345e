#include "client/local_trainer.h"

#include <catch2/catch.hpp>
#include <numeric>

#include "common/quant/weight_sharing.h"
#include "tests/support/random_data.h"

using namespace fedqat;

namespace {

struct Fixture {
  Graph graph = *build_graph(every_layer_model({8, 8, 1}, 3), {8, 8, 8});
  Dataset data = blob_dataset({8, 8, 1}, 3, 50, 2);
  ModelState model = init_model(graph, 1);
  Task task;
  std::vector<std::uint32_t> all = std::vector<std::uint32_t>(50);

  Fixture() {
    std::iota(all.begin(), all.end(), 0U);
    task.round = 1;
    task.training = {3, 16, 0.05F, 0.9F, 0, 0, 1, 0};
  }
};

}  // namespace

TEST_CASE("local_trainer: training lowers the loss, in floats and in integers") {
  Fixture f;
  const bool quantized = GENERATE(false, true);
  f.task.training.backward = GENERATE(Backward::kFloat, Backward::kInt8);
  CAPTURE(quantized, f.task.training.backward);
  if (quantized) f.model = calibrated(f.graph, f.model, f.data);
  LocalTrainer trainer(f.graph, f.data.grid);
  const auto first = trainer.train(f.model, f.task, f.data, f.all);
  REQUIRE(first);
  REQUIRE(first->seen == 150);
  ModelState moved = f.model;
  for (std::size_t i = 0; i < moved.params.size(); ++i) moved.params[i] += first->delta[i];
  REQUIRE(trainer.train(moved, f.task, f.data, f.all)->loss < first->loss);
}

TEST_CASE("local_trainer: the result depends on nothing that was trained before") {
  Fixture f;
  LocalTrainer fresh(f.graph, f.data.grid), used(f.graph, f.data.grid);
  f.task.training.backward = GENERATE(Backward::kFloat, Backward::kInt8);
  f.model = calibrated(f.graph, f.model, f.data);
  Task other = f.task;
  other.training.backward = GENERATE(Backward::kFloat, Backward::kInt8);
  other.client = 9;
  other.training.batch = 7;
  const auto different = used.train(f.model, other, f.data, std::span(f.all).first(11));
  REQUIRE(different);
  const auto a = fresh.train(f.model, f.task, f.data, f.all);
  const auto b = used.train(f.model, f.task, f.data, f.all);
  REQUIRE(a->delta == b->delta);
  REQUIRE(a->loss == b->loss);
  REQUIRE(a->delta != fresh.train(f.model, other, f.data, f.all)->delta);
}

TEST_CASE("local_trainer: how gradients are computed changes integer rounds alone") {
  Fixture f;
  LocalTrainer trainer(f.graph, f.data.grid);
  const auto delta = [&](Backward backward) {
    f.task.training.backward = backward;
    return trainer.train(f.model, f.task, f.data, f.all)->delta;
  };
  CHECK(delta(Backward::kFloat) == delta(Backward::kInt8));
  f.model = calibrated(f.graph, f.model, f.data);
  CHECK(delta(Backward::kFloat) != delta(Backward::kInt8));
}

TEST_CASE("local_trainer: histograms count the values of calibration samples only") {
  Fixture f;
  f.task.training.calibration_samples = 20;
  LocalTrainer trainer(f.graph, f.data.grid);
  const auto r = trainer.train(f.model, f.task, f.data, f.all);
  REQUIRE(r->histograms.size() == f.graph.steps.size());
  for (std::size_t s = 0; s < f.graph.steps.size(); ++s) {
    const Step& step = f.graph.steps[s];
    REQUIRE(r->histograms[s].count() == (step.requantizes() ? 20 * step.out.size() : 0));
  }
}

TEST_CASE("local_trainer: data of another shape or with more classes is refused") {
  Fixture f;
  LocalTrainer trainer(f.graph, f.data.grid);
  const auto refusal = [&](const Dataset& data, std::span<const std::uint32_t> samples) {
    const auto r = trainer.train(f.model, f.task, data, samples);
    REQUIRE_FALSE(r);
    REQUIRE(r.error().code == Errc::kInvalid);
    return r.error().what;
  };
  CHECK_THAT(refusal(blob_dataset({8, 7, 1}, 3, 50, 2), f.all), Catch::Contains("[8,7,1]"));
  CHECK_THAT(refusal(blob_dataset({8, 8, 1}, 4, 50, 2), f.all), Catch::Contains("4 classes"));
  CHECK_THAT(refusal(f.data, {}), Catch::Contains("no samples"));
  f.model = calibrated(f.graph, f.model, f.data);
  f.task.training.calibration_samples = 2;
  CHECK_THAT(refusal(f.data, f.all), Catch::Contains("calibration_samples"));
}

TEST_CASE("local_trainer: divergence is an error, not an update") {
  Fixture f;
  f.task.training.learning_rate = 1e6F;
  f.task.training.epochs = 20;
  f.task.training.weight_decay = 10;
  LocalTrainer trainer(f.graph, f.data.grid);
  const auto r = trainer.train(f.model, f.task, f.data, f.all);
  REQUIRE_FALSE(r);
  REQUIRE_THAT(r.error().what, Catch::Contains("learning_rate"));
}

TEST_CASE("local_trainer: with a codebook, weights that come with one value leave with one") {
  Fixture f;
  f.graph = *build_graph(every_layer_model({8, 8, 1}, 3), {32, 32, 8});
  f.model = init_model(f.graph, 1);
  const auto shared_weights = [&](const ParamTensor& p) {
    return share_weights(std::span(f.model.params).subspan(p.offset, p.size), 4, Spacing::kEven);
  };
  for (const ParamTensor& p : f.graph.params) {
    if (p.kind != ParamKind::kWeight) continue;
    expand(shared_weights(p), std::span(f.model.params).subspan(p.offset, p.size));
  }
  f.task.training.codebook = 4;
  f.task.training.weight_decay = 0.01F;
  LocalTrainer trainer(f.graph, f.data.grid);
  const auto moved = trainer.train(f.model, f.task, f.data, f.all);
  REQUIRE(moved);
  for (const ParamTensor& p : f.graph.params) {
    if (p.kind != ParamKind::kWeight) continue;
    const SharedWeights shared = shared_weights(p);
    std::vector<float> entry(shared.codebook.size());
    bool any = false;
    for (std::size_t i = 0; i < p.size; ++i) entry[shared.indices[i]] = moved->delta[p.offset + i];
    for (std::size_t i = 0; i < p.size; ++i) {
      REQUIRE(moved->delta[p.offset + i] == entry[shared.indices[i]]);
      any |= entry[shared.indices[i]] != 0;
    }
    CHECK(any);
  }
}
