#include "common/codec/weighted_sum_loops.h"

namespace fedqat {

const WeightedSum& weighted_sum_avx2() { return kLoops; }

}  // namespace fedqat
