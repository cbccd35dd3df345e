#include "common/codec/weighted_sum.h"

#include "common/base/isa.h"
#include "common/codec/weighted_sum_loops.h"

namespace fedqat {

#ifdef FEDQAT_HAVE_AVX2
const WeightedSum& weighted_sum_avx2();
#endif

const WeightedSum& weighted_sum() {
#ifdef FEDQAT_HAVE_AVX2
  if (cpu_has(Isa::kAvx2)) return weighted_sum_avx2();
#endif
  return kLoops;
}

}  // namespace fedqat
