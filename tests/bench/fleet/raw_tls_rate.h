// What OpenSSL alone does on this machine, now.
#pragma once

#include "coordinator/state/state_dir.h"
#include "tests/bench/fleet/identities.h"

namespace fedqat {

// 10^6 bytes a second over loopback: one thread writes `messages` messages of 1 MiB, one reads
// them.
double raw_mb_per_s(const StatePaths& paths, const Identity& device, int messages);

}  // namespace fedqat
