#include "common/base/isa.h"

#include <cstdlib>
#include <string>

namespace fedqat {
namespace {

constexpr Isa kAll[] = {Isa::kAvx512Vnni, Isa::kAvx2, Isa::kScalar};

constexpr const char* kVariable = "FEDQAT_ISA";

Isa ceiling() {
  const char* env = std::getenv(kVariable);
  for (const Isa isa : kAll) {
    if (env != nullptr && isa_name(isa) == env) return isa;
  }
  return Isa::kAvx512Vnni;
}

bool detect(Isa isa) {
#if defined(__x86_64__)
  switch (isa) {
    case Isa::kScalar:
      return true;
    case Isa::kAvx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case Isa::kAvx512Vnni:
      return __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  }
  return false;
#else
  return isa == Isa::kScalar;
#endif
}

}  // namespace

Result<void> check_isa_env() {
  const char* env = std::getenv(kVariable);
  if (env == nullptr || *env == '\0') return {};
  for (const Isa isa : kAll) {
    if (isa_name(isa) == env) return {};
  }
  return Error{Errc::kInvalid, std::string(kVariable) + " = '" + env +
                                   "' is no instruction set; use scalar, avx2 or avx512vnni, or "
                                   "unset it"};
}

bool cpu_has(Isa isa) {
  static const Isa top = ceiling();
  return isa <= top && detect(isa);
}

Isa best_isa() {
  for (const Isa isa : kAll) {
    if (cpu_has(isa)) return isa;
  }
  return Isa::kScalar;
}

std::string_view isa_name(Isa isa) {
  switch (isa) {
    case Isa::kScalar:
      return "scalar";
    case Isa::kAvx2:
      return "avx2";
    case Isa::kAvx512Vnni:
      return "avx512vnni";
  }
  return "unknown";
}

}  // namespace fedqat
