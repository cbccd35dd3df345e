#include "tests/bench/fleet/updates.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/codec/update_codec.h"

namespace fedqat {

std::vector<Bytes> update_frames(const Task& task, const Graph& graph) {
  UpdateGrid grid;
  for (std::size_t t = 0; t < task.grid.size(); ++t) {
    const GridSpec& g = task.grid[t];
    grid.push_back({graph.params[t].size, g.bits, g.step, g.codec, g.share});
  }
  const std::vector<float> zeros(graph.param_count, 0.0F);
  const auto encoded = encode_update(grid, zeros, Rng({.seed = 1}));
  FEDQAT_CHECK(encoded);
  const UpdateStats stats{32, 32, 0, encoded->clipped, encoded->max_abs, {}};
  UploadUpdate u{task.run, task.round, task.version,       {}, encoded->payload.size(),
                 0,        {},         encode_stats(stats)};
  u.digest = update_digest(encoded->payload, u.stats);
  const Bytes stats_bytes = u.stats;
  std::vector<Bytes> frames;
  for (std::size_t at = 0; at < encoded->payload.size(); at += kChunkBytes) {
    const std::size_t n = std::min(kChunkBytes, encoded->payload.size() - at);
    const auto begin = encoded->payload.begin() + static_cast<std::ptrdiff_t>(at);
    u.offset = at;
    u.data = Bytes(begin, begin + static_cast<std::ptrdiff_t>(n));
    u.stats = u.last() ? stats_bytes : Bytes{};
    frames.push_back(encode_request(u));
  }
  return frames;
}

}  // namespace fedqat
