// Chooses from a table of kernels, best first.
#pragma once

#include <span>

#include "common/base/check.h"
#include "common/base/isa.h"

namespace fedqat::kernels {

// The first that this machine can run. Every table ends with a scalar kernel.
template <class Kernel>
const Kernel& best_kernel(std::span<const Kernel> kernels) {
  for (const Kernel& k : kernels) {
    if (cpu_has(k.isa)) return k;
  }
  check_failed("a kernel for this machine", __FILE__, __LINE__);
}

}  // namespace fedqat::kernels
