#include "tests/dst/updates.h"

#include <cstring>

#include "client/error_feedback.h"
#include "common/base/check.h"
#include "common/codec/update_codec.h"

namespace fedqat::dst {
namespace {

UpdateGrid grid_of(const Graph& graph, const Task& task) {
  UpdateGrid grid;
  for (std::size_t t = 0; t < task.grid.size(); ++t) {
    const GridSpec& g = task.grid[t];
    grid.push_back({graph.params[t].size, g.bits, g.step, g.codec, g.share});
  }
  return grid;
}

std::vector<Log2Histogram> histograms_for(const Graph& graph, const Task& task) {
  std::vector<Log2Histogram> histograms;
  if (task.training.calibration_samples == 0) return histograms;
  histograms.resize(graph.steps.size());
  const std::uint32_t observed = std::min(kSamples, task.training.calibration_samples);
  for (std::size_t s = 0; s < histograms.size(); ++s) {
    const Step& step = graph.steps[s];
    std::vector<float> values(step.requantizes() ? observed * step.out.size() : 0, 0.5F);
    if (!values.empty()) values.back() = -1;
    histograms[s].add(values);
  }
  return histograms;
}

SealedUpdate seal(const Graph& graph, const Task& task, std::span<const float> delta) {
  const UpdateGrid grid = grid_of(graph, task);
  auto encoded =
      encode_update(grid, delta, Rng({.seed = 1, .round = task.round, .client = task.client}));
  FEDQAT_CHECK(encoded);
  UpdateStats stats{kSamples,         kSamples,         7,
                    encoded->clipped, encoded->max_abs, histograms_for(graph, task)};
  SealedUpdate update{task.run,           task.round, task.version, {}, std::move(encoded->payload),
                      encode_stats(stats)};
  if (feeds_back(grid)) update.memory = left_out(grid, delta, update.payload);
  update.digest = update_digest(update.payload, update.stats);
  return update;
}

}  // namespace

SealedUpdate one_hot_update(const Graph& graph, const Task& task, float value) {
  std::vector<float> delta(graph.param_count, 0.0F);
  delta[graph.params[0].offset + task.client] = value;
  return seal(graph, task, delta);
}

float one_hot_value(const Graph& graph, const Task& task, const SealedUpdate& update) {
  const auto values = decode_update(grid_of(graph, task), update.payload);
  FEDQAT_CHECK(values);
  return (*values)[graph.params[0].offset + task.client];
}

SealedUpdate pseudo_update(const Graph& graph, const Task& task, std::span<const float> memory) {
  std::uint64_t model = 0;
  std::memcpy(&model, task.model_sha256.data(), sizeof model);
  Rng rng({.seed = model, .round = task.round, .client = task.client});
  std::vector<float> delta(graph.param_count);
  for (float& d : delta) d = 0.02F * (rng.uniform() - 0.5F);
  if (!memory.empty()) add_memory(grid_of(graph, task), memory, delta);
  return seal(graph, task, delta);
}

UploadUpdate in_one_piece(const SealedUpdate& u) {
  return {u.run, u.round, u.version, u.digest, u.payload.size(), 0, u.payload, u.stats};
}

}  // namespace fedqat::dst
