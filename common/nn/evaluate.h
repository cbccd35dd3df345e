// Evaluation of the global model on the test set, by the integer engine.
#pragma once

#include <vector>

#include "common/base/thread_pool.h"
#include "common/data/dataset.h"
#include "common/nn/engine.h"
#include "common/nn/graph.h"
#include "common/nn/model_state.h"

namespace fedqat {

// What would be deployed now: the quantized model, or the fp32 one while scales are not yet learnt.
PackedModel deployed_model(const Graph& graph, const ModelState& state, const InputGrid& input);

// Sums over fixed slices of `test` in a fixed order: the same on any number of threads.
// kInvalid: Engine::make().
Result<EvalResult> evaluate(const PackedModel& model, const Dataset& test, ThreadPool& pool,
                            Backend backend = Backend::kBuiltin);

// Share of each class's samples that the model recognizes; 0 for classes without samples.
Result<std::vector<double>> class_recall(const PackedModel& model, const Dataset& test,
                                         ThreadPool& pool);

}  // namespace fedqat
