// A place in local training to go on from, so that a device that loses power does not begin again.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "common/crypto/sha256.h"
#include "common/data/dataset.h"
#include "common/quant/histogram.h"
#include "common/wire/messages.h"

namespace fedqat {

// Between two batches. With the task, model and samples it was taken with, training goes on to the
// very bits of a result without interruption: shuffles are a function of the task.
struct TrainCheckpoint {
  Digest task{};                  // task_digest()
  std::uint32_t epoch = 0;        // from 0
  std::uint64_t next_sample = 0;  // in the order of the epoch: a multiple of the batch, or all
  std::uint64_t seen = 0;         // LocalResult of what is done
  double loss = 0;
  std::vector<float> params;              // [graph.param_count]
  std::vector<float> velocity;            // [graph.param_count]
  std::vector<Log2Histogram> histograms;  // [steps] when the task asks for them
  bool operator==(const TrainCheckpoint&) const = default;
};

// Of everything that the result depends on: the task without its deadline, the contents of the
// samples and their order.
Digest task_digest(const Task& task, const Dataset& data, std::span<const std::uint32_t> samples);

// Where checkpoints go. Called by the thread that trains; may throw to abandon the training.
class Checkpointer {
 public:
  virtual ~Checkpointer() = default;
  // What was kept of this task, or nothing: training then begins at its beginning.
  virtual std::optional<TrainCheckpoint> resume(const Digest& task) = 0;
  virtual bool due() = 0;  // asked after every batch
  virtual void keep(const TrainCheckpoint& checkpoint) = 0;
};

}  // namespace fedqat
