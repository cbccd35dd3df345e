#include "sim/predictions.h"

#include <catch2/catch.hpp>

#include "common/base/thread_pool.h"
#include "common/data/digits.h"
#include "common/nn/evaluate.h"
#include "common/wire/config.h"
#include "sim/run.h"

namespace fedqat {
namespace {

TEST_CASE("predictions: accuracy and recall are those of the parallel evaluation") {
  const auto data = load_digits();
  ThreadPool pool(2);
  for (const char* quant : {"", "[quant]\nweight_bits = 32\nactivation_bits = 32\n"}) {
    const auto config =
        parse_config(std::string("[run]\nrounds = 5\n[partition]\nclients = 4\n[round]\n"
                                 "clients = 4\n") +
                         quant,
                     "test", {});
    REQUIRE(config);
    const auto run = run_federation(*config, data, {});
    REQUIRE(run);
    const auto predictions = predict(run->model, data.test);
    REQUIRE(predictions);
    CHECK(accuracy(*predictions, data.test) == run->report.final_accuracy);
    CHECK(class_recall(*predictions, data.test) == run->report.class_recall);
  }
}

TEST_CASE("predictions: disagreement is the share of samples with another class") {
  CHECK(disagreement({1, 2, 3, 4}, {1, 2, 3, 4}) == 0);
  CHECK(disagreement({1, 2, 3, 4}, {1, 0, 3, 0}) == 0.5);
  CHECK(disagreement({}, {}) == 0);
}

}  // namespace
}  // namespace fedqat
