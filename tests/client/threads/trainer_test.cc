#include <catch2/catch.hpp>

#include "client/local_trainer.h"
#include "tests/support/random_data.h"

using namespace fedqat;

TEST_CASE("threads: a client's update is the same") {
  const auto graph = build_graph(*model_from_zoo("lenet5", {28, 28, 1}, 10), {});
  const Dataset data = random_dataset({28, 28, 1}, 10, 70, 4);
  const ModelState state = calibrated(*graph, init_model(*graph, 9), data);
  Task task;
  task.round = 1;
  task.training = {.epochs = 2, .batch = 32, .learning_rate = 0.02F, .momentum = 0.9F};
  task.training.backward = Backward::kInt8;
  task.training.kure = GENERATE(0.0F, 0.1F);
  std::vector<std::uint32_t> samples(70);
  for (std::uint32_t i = 0; i < 70; ++i) samples[i] = i;
  const auto alone = LocalTrainer(*graph, data.grid).train(state, task, data, samples);
  const auto shared = LocalTrainer(*graph, data.grid, 3).train(state, task, data, samples);
  REQUIRE(alone);
  REQUIRE(shared);
  CHECK(alone->delta == shared->delta);
  CHECK(alone->loss == shared->loss);
}
