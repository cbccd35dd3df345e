#include "common/base/isa.h"

#include <cstdlib>
#include <string>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

namespace fedqat {
namespace {

struct Named {
  Isa isa;
  std::string_view name;
};

constexpr Named kAll[] = {
    {Isa::kAvx512Vnni, "avx512vnni"}, {Isa::kAvxVnni, "avxvnni"}, {Isa::kAvx2, "avx2"},
    {Isa::kNeonDot, "neondot"},       {Isa::kNeon, "neon"},       {Isa::kScalar, "scalar"}};

constexpr const char* kVariable = "FEDQAT_ISA";

Isa ceiling() {
  const char* env = std::getenv(kVariable);
  for (const Named& n : kAll) {
    if (env != nullptr && n.name == env) return n.isa;
  }
  return Isa::kAvx512Vnni;
}

#if defined(__x86_64__)
bool has_avxvnni() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a & (1U << 4)) != 0;
}
#endif

bool detect(Isa isa) {
  switch (isa) {
    case Isa::kScalar:
      return true;
#if defined(__x86_64__)
    case Isa::kAvx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case Isa::kAvxVnni:
      return detect(Isa::kAvx2) && has_avxvnni();
    case Isa::kAvx512Vnni:
      return __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
#elif defined(__aarch64__)
    case Isa::kNeon:
      return true;
    case Isa::kNeonDot:
      return (::getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
#endif
    default:
      return false;
  }
}

}  // namespace

Result<void> check_isa_env() {
  const char* env = std::getenv(kVariable);
  if (env == nullptr || *env == '\0') return {};
  for (const Named& n : kAll) {
    if (n.name == env) return {};
  }
  return Error{Errc::kInvalid, std::string(kVariable) + " = '" + env +
                                   "' is no instruction set; use scalar, neon, neondot, avx2, "
                                   "avxvnni or avx512vnni, or unset it"};
}

bool cpu_has(Isa isa) {
  static const Isa top = ceiling();
  return isa <= top && detect(isa);
}

Isa best_isa() {
  for (const Named& n : kAll) {
    if (cpu_has(n.isa)) return n.isa;
  }
  return Isa::kScalar;
}

std::string_view isa_name(Isa isa) {
  for (const Named& n : kAll) {
    if (n.isa == isa) return n.name;
  }
  return "unknown";
}

}  // namespace fedqat
