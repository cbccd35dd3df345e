// The parts of make_fuzz_corpus.
#pragma once

#include <string>

#include "common/base/bytes.h"

namespace fedqat {

// Writes corpus/TARGET/NAME.
void put(const std::string& target, const std::string& name, ByteView bytes);
void put(const std::string& target, const std::string& name, const std::string& text);

// What a deployment adds: tokens, manifests, certificates, files of devices and of the coordinator.
// Its keys are new each time.
void make_deployment_corpus();

}  // namespace fedqat
