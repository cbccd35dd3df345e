// The powers of two of exact_math.h in vectors, for exact_math.cc alone.
#pragma once

namespace fedqat {

inline constexpr int kExpBlock = 16;

// v[i] = exact_exp2(v[i]) of kExpBlock values within +-1000. Needs AVX2 and FMA.
void exact_exp2_avx2(double* v);

}  // namespace fedqat
