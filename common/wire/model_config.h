// From the [model] and [quant] tables of a config to a network.
#pragma once

#include "common/base/result.h"
#include "common/nn/engine.h"
#include "common/wire/config.pb.h"
#include "common/wire/network_spec.h"

namespace fedqat {

// sim.backend.
Backend backend_from_config(const wire::Config& config);

// kInvalid names the layer and what is wrong with it. Data with `shape`, `classes` and `input`.
Result<NetworkSpec> network_from_config(const wire::Config& config, const Shape& shape, int classes,
                                        const InputGrid& input);

}  // namespace fedqat
