#include "sim/ptq/copy_weights.h"

#include <algorithm>

#include "common/base/check.h"

namespace fedqat {

ModelState copy_weights(const Graph& from, const ModelState& state, const Graph& to) {
  ModelState copy;
  copy.params.resize(to.param_count);
  copy.zero_points.assign(to.steps.size(), 0);
  FEDQAT_CHECK(state.params.size() == from.param_count && from.steps.size() == to.steps.size());
  for (std::size_t i = 0; i < to.steps.size(); ++i) {
    const auto tensor = [&](int target, int source) {
      if (target == kNone) return;
      const ParamTensor& t = to.params[static_cast<std::size_t>(target)];
      const ParamTensor& s = from.params[static_cast<std::size_t>(source)];
      FEDQAT_CHECK(t.size == s.size);
      std::copy_n(state.params.begin() + static_cast<std::ptrdiff_t>(s.offset), s.size,
                  copy.params.begin() + static_cast<std::ptrdiff_t>(t.offset));
    };
    tensor(to.steps[i].weight, from.steps[i].weight);
    tensor(to.steps[i].bias, from.steps[i].bias);
  }
  return copy;
}

}  // namespace fedqat
