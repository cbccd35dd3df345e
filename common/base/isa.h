// Instruction sets that have kernels of their own.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/base/result.h"

namespace fedqat {

// Of one processor family, better ones have greater values. kAvx512Vnni implies F, BW, DQ, VL and
// VNNI, kAvxVnni implies AVX2, kNeonDot implies NEON.
enum class Isa : std::uint8_t { kScalar, kNeon, kNeonDot, kAvx2, kAvxVnni, kAvx512Vnni };

// kInvalid: FEDQAT_ISA is set to something else than a name of isa_name(). Programs call this
// first, for cpu_has() takes such a value as if it were unset.
Result<void> check_isa_env();

// True if this machine can run `isa`; FEDQAT_ISA lowers the answer to at most the one it names.
bool cpu_has(Isa isa);

// The best instruction set cpu_has() admits.
Isa best_isa();

// "scalar", "neon", "neondot", "avx2", "avxvnni", "avx512vnni", as in reports.
std::string_view isa_name(Isa isa);

}  // namespace fedqat
