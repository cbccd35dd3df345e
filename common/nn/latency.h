// How long the engine takes for a batch on one core.
#pragma once

#include "common/data/dataset.h"
#include "common/nn/engine.h"

namespace fedqat {

// Median over some hundred runs of `batch` samples of `data`, in microseconds; 0 without data.
// `engine` admits that batch.
double latency_us(Engine& engine, const Dataset& data, int batch);

}  // namespace fedqat
