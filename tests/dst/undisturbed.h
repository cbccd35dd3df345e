// The same run without journal, network or faults: clients one after the other.
#pragma once

#include "common/crypto/sha256.h"
#include "common/nn/model_state.h"
#include "tests/dst/plan.h"

namespace fedqat::dst {

Digest model_digest(const ModelState& model);
// In model mode. Thread-safe; remembers.
Digest undisturbed_model(const Plan& plan);

}  // namespace fedqat::dst
