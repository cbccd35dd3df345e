#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // GCC 12 of its own header (bug 105593)
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "common/kernels/gradient/gradient_tables.h"
#include "common/kernels/qgemm/qgemm.h"

namespace fedqat::kernels {
namespace {
using Words [[gnu::vector_size(32)]] = std::uint64_t;
constexpr int kStored = 2;

inline Words product(Words a, Words b) {
  return reinterpret_cast<Words>(
      _mm256_mul_epu32(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
}
inline void store_words(const Words v[kStored], std::uint8_t* out) {
  const auto mixed =
      _mm256_shuffle_ps(reinterpret_cast<__m256>(v[0]), reinterpret_cast<__m256>(v[1]), 0x88);
  const auto words = _mm256_permute4x64_epi64(_mm256_castps_si256(mixed), 0xD8);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), words);
}
constexpr int kLanes = 8;
#include "common/kernels/gradient/lanes_any.inc"
//
#include "common/kernels/gradient/gradient_body.inc"
#include "common/kernels/gradient/random_lanes.inc"
#include "common/kernels/gradient/weight_codes.inc"
}  // namespace

const GradientKernels kGradientAvx2 = {"avx2",       Isa::kAvx2,   random_bytes, range,
                                       quantize,     split_digits, scale_sums,   join_digits,
                                       weight_codes, weights};

}  // namespace fedqat::kernels
