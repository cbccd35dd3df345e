// What rules for one common activation grid cost on clients with different ranges, as a Markdown
// table: squared error over that of the best grid for all values together (1 is the optimum).
#include <cstdio>

#include "tests/support/skewed_ranges.h"

int main() {
  using namespace fedqat;
  const struct {
    const char* name;
    ScaleRule rule;
  } rules[] = {{"merged histogram", ScaleRule::kHistogram},
               {"mean of scales", ScaleRule::kMean},
               {"mean of log scales", ScaleRule::kLogMean},
               {"greatest scale", ScaleRule::kMax},
               {"min/max of all", ScaleRule::kMinMax}};
  constexpr double kSpreads[] = {0.3, 0.7, 1.2};
  constexpr int kBits[] = {4, 8};
  std::printf("| rule |");
  for (const double spread : kSpreads) {
    for (const int bits : kBits) std::printf(" spread %.1f, %d bits |", spread, bits);
  }
  std::printf("\n|---|---:|---:|---:|---:|---:|---:|\n");
  for (const auto& r : rules) {
    std::printf("| %s |", r.name);
    for (const double spread : kSpreads) {
      for (const int bits : kBits) {
        std::printf(" %.2f |", test::excess_error({r.rule}, spread, bits, 8)[0]);
      }
    }
    std::printf("\n");
  }
}
