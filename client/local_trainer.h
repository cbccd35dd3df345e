// Local training: one client's samples, one round.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "client/sgd.h"
#include "client/train_checkpoint.h"
#include "common/base/result.h"
#include "common/data/dataset.h"
#include "common/nn/network.h"
#include "common/wire/messages.h"

namespace fedqat {

struct LocalResult {
  std::vector<float> delta;               // what training changed, [graph.param_count]
  std::uint64_t seen = 0;                 // samples, epochs included
  double loss = 0;                        // summed over seen, each before its step
  std::vector<Log2Histogram> histograms;  // [steps] when the task asks for them
};

// Owns a Network and its scratch memory and is used again for client after client. Not thread-safe:
// one for each thread. Depends on (model, task, data, samples) alone.
class LocalTrainer {
 public:
  // graph must outlive this. A step may use so many threads; the result is the same.
  LocalTrainer(const Graph& graph, const InputGrid& input, int threads = 1);

  // samples: indices into data, at least one. The order of every epoch is drawn from (seed, round,
  // client); the last batch of an epoch may be smaller. kInvalid: the loss is not finite; shape or
  // classes of the data are not the network's; no samples; histograms of a quantized model.
  // With a checkpointer, training goes on where it was kept, and the result is the same.
  Result<LocalResult> train(const ModelState& model, const Task& task, const Dataset& data,
                            std::span<const std::uint32_t> samples,
                            Checkpointer* checkpointer = nullptr);

 private:
  Result<void> check(const ModelState& model, const LocalTraining& training,
                     const Dataset& data) const;
  bool fits(const TrainCheckpoint& checkpoint, const LocalTraining& training,
            std::size_t samples) const;
  TrainCheckpoint checkpoint_of(const Digest& task, std::uint32_t epoch, std::size_t next_sample,
                                const LocalResult& result) const;
  // Fills the batch buffers with samples of `order`.
  void gather(const Dataset& data, std::span<const std::uint32_t> order);
  void reserve(const Dataset& data, const LocalTraining& training);
  std::vector<Log2Histogram> observe(const Dataset& data, std::span<const std::uint32_t> order,
                                     std::uint32_t batch);

  const Graph& graph_;
  InputGrid input_;
  std::unique_ptr<Team> team_;
  std::unique_ptr<Network> network_;
  std::uint32_t capacity_ = 0;            // batch that network_ holds
  Backward backward_ = Backward::kFloat;  // and how it computes gradients
  Sgd sgd_;
  std::vector<std::uint8_t> codes_;
  std::vector<std::uint8_t> labels_;
};

}  // namespace fedqat
