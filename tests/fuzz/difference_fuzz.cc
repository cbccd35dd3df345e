#include <cmath>

#include "common/wire/difference.h"
#include "tests/fuzz/fuzz_inputs.h"
#include "tests/fuzz/fuzz_target.h"

using namespace fedqat;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Graph graph = fuzz_graph();
  static const ModelState from = init_model(graph, 2);
  const auto state = apply_difference(graph, from.params, input(data, size));
  if (!state) return 0;
  FEDQAT_CHECK(state->params.size() == graph.param_count);
  for (const float v : state->params) FEDQAT_CHECK(std::isfinite(v));
  return 0;
}
