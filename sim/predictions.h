// What a deployed model says about the test set, and what follows from it.
#pragma once

#include <cstdint>
#include <vector>

#include "common/base/result.h"
#include "common/data/dataset.h"
#include "common/nn/packed_model.h"

namespace fedqat {

using Predictions = std::vector<std::uint16_t>;  // the class of each sample, in order

// The engine's class for each sample of `test`; the first of equal logits. On this thread.
// kInvalid: Engine::make().
Result<Predictions> predict(const PackedModel& model, const Dataset& test);

double accuracy(const Predictions& predictions, const Dataset& test);  // 0 without samples

// Share of each class's samples that are recognized [classes]; 0 for classes without samples.
std::vector<double> class_recall(const Predictions& predictions, const Dataset& test);

// Share of samples whose class is not the same in both; equally long.
double disagreement(const Predictions& a, const Predictions& b);

}  // namespace fedqat
