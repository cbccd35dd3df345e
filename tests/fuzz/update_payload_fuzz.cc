#include <cmath>

#include "common/codec/update_codec.h"
#include "coordinator/aggregator.h"
#include "tests/fuzz/fuzz_inputs.h"
#include "tests/fuzz/fuzz_target.h"

using namespace fedqat;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const UpdateGrid grid = fuzz_grid();
  const ByteView payload = input(data, size);
  const auto greatest = greatest_values(grid, payload);
  const auto delta = decode_update(grid, payload);
  FEDQAT_CHECK(static_cast<bool>(greatest) == static_cast<bool>(delta));
  if (!delta) return 0;
  for (const float v : *delta) FEDQAT_CHECK(std::isfinite(v));
  UpdateStats stats{600, 600, 0, 1, {}, {}};
  for (std::size_t t = 0; t < grid.size(); ++t) {
    stats.max_abs.push_back(in_fixed_point(grid[t]) ? (*greatest)[t]
                                                    : grid[t].step * (*greatest)[t]);
  }
  Aggregator aggregator(grid, 0);
  FEDQAT_CHECK(aggregator.check(payload, stats));
  aggregator.accumulate(payload, stats);
  return 0;
}
