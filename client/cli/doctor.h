// What `fedqat-client doctor` looks at, one finding a line.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "client/cli/commands.h"

namespace fedqat {

enum class Health : std::uint8_t { kOk, kWarn, kFail };

struct Finding {
  std::string name;
  Health health = Health::kOk;
  std::string text;
  std::string remedy;  // empty when ok
};

// doctor_device.cc: identity, clock, certificate, the way to the coordinator.
std::vector<Finding> examine_device(const std::filesystem::path& state, Fs& fs);
// doctor_machine.cc: folder, disk, limits, memory, kernels.
std::vector<Finding> examine_machine(const std::filesystem::path& state, Fs& fs);

}  // namespace fedqat
