// exp and log from +, -, * and / alone: the same bits with every libc, compiler and instruction
// set. libm's are faster but differ in the last bit between machines, and a model hash would show
// it. Built with -ffp-contract=off, like everything here.
#pragma once

#include <span>

namespace fedqat {

double exact_exp2(double x);  // relative error < 1e-15; 0 below -1022, +inf above 1024
// Many at once are faster: y[i] = exact_exp2(x[i]), or the float nearest to it. y may be x.
void exact_exp2(std::span<const double> x, double* y);
void exact_exp2(std::span<const float> x, float* y);
double exact_log2(double x);  // x > 0 and finite; absolute error < 1e-15 * max(1, |log2 x|)
double exact_exp(double x);
void exact_exp(std::span<const double> x, double* y);  // as above
double exact_log(double x);

}  // namespace fedqat
