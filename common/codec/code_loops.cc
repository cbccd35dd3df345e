#include "common/codec/code_loops.h"

#include <vector>

#include "common/codec/code_loops_body.h"

namespace fedqat {

#ifdef FEDQAT_HAVE_AVX2
CodeLoops code_loops_avx2();
#endif
#ifdef FEDQAT_HAVE_AVX512VNNI
CodeLoops code_loops_avx512();
#endif

std::span<const CodeLoops> all_code_loops() {
  static const std::vector<CodeLoops> all = [] {
    std::vector<CodeLoops> found;
#ifdef FEDQAT_HAVE_AVX512VNNI
    if (cpu_has(Isa::kAvx512Vnni)) found.push_back(code_loops_avx512());
#endif
#ifdef FEDQAT_HAVE_AVX2
    if (cpu_has(Isa::kAvx2)) found.push_back(code_loops_avx2());
#endif
    found.push_back(kLoops);
    return found;
  }();
  return all;
}

const CodeLoops& code_loops() { return all_code_loops().front(); }

}  // namespace fedqat
