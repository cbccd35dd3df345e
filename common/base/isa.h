// Instruction sets that have kernels of their own.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/base/result.h"

namespace fedqat {

// Better ones have greater values. kAvx512Vnni implies F, BW, VL and VNNI.
enum class Isa : std::uint8_t { kScalar, kAvx2, kAvx512Vnni };

// kInvalid: FEDQAT_ISA is set to something else than the three names. Programs call this first, for
// cpu_has() takes such a value as if it were unset.
Result<void> check_isa_env();

// True if this machine can run `isa`; FEDQAT_ISA=scalar|avx2|avx512vnni lowers the answer.
bool cpu_has(Isa isa);

// The best instruction set cpu_has() admits.
Isa best_isa();

std::string_view isa_name(Isa isa);  // "scalar", "avx2", "avx512vnni", as in reports

}  // namespace fedqat
