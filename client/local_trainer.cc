#include "client/local_trainer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>

#include "client/weight_ties.h"
#include "common/base/check.h"
#include "common/base/rng.h"

namespace fedqat {
namespace {

// visit(batch) over `order` in pieces of at most `batch`
template <class Visit>
void for_each_batch(std::span<const std::uint32_t> order, std::size_t batch, Visit visit) {
  for (std::size_t first = 0; first < order.size(); first += batch) {
    visit(order.subspan(first, std::min(batch, order.size() - first)));
  }
}

}  // namespace

LocalTrainer::LocalTrainer(const Graph& graph, const InputGrid& input, int threads)
    : graph_(graph), input_(input), team_(std::make_unique<Team>(threads)), sgd_(graph) {}

void LocalTrainer::reserve(const Dataset& data, const LocalTraining& training) {
  if (training.batch > capacity_ || training.backward != backward_) {
    capacity_ = std::max(capacity_, training.batch);
    backward_ = training.backward;
    network_.reset();
    network_ = std::make_unique<Network>(graph_, input_, static_cast<int>(capacity_), backward_,
                                         team_.get());
  }
  codes_.resize(std::size_t{capacity_} * data.shape.size());
  labels_.resize(capacity_);
}

void LocalTrainer::gather(const Dataset& data, std::span<const std::uint32_t> order) {
  const std::size_t size = data.shape.size();
  for (std::size_t i = 0; i < order.size(); ++i) {
    std::memcpy(codes_.data() + i * size, data.sample(order[i]).data(), size);
    labels_[i] = data.labels[order[i]];
  }
}

std::vector<Log2Histogram> LocalTrainer::observe(const Dataset& data,
                                                 std::span<const std::uint32_t> order,
                                                 std::uint32_t batch) {
  std::vector<Log2Histogram> histograms(graph_.steps.size());
  for_each_batch(order, batch, [&](std::span<const std::uint32_t> part) {
    gather(data, part);
    network_->observe_batch(codes_.data(), static_cast<int>(part.size()), histograms);
  });
  return histograms;
}

Result<void> LocalTrainer::check(const ModelState& model, const LocalTraining& training,
                                 const Dataset& data) const {
  if (data.shape != graph_.spec.input) {
    return Error{Errc::kInvalid, "samples of " + to_string(data.shape) + ", the network takes " +
                                     to_string(graph_.spec.input) + "; use the run's data set"};
  }
  if (data.classes > graph_.spec.classes) {
    return Error{Errc::kInvalid,
                 "samples of " + std::to_string(data.classes) + " classes, the network has " +
                     std::to_string(graph_.spec.classes) + "; use the run's data set"};
  }
  if (training.kure > 0 && training.codebook > 0) {
    return Error{Errc::kInvalid, "task.kure: shared weights are not regularised"};
  }
  if (model.quantized && training.calibration_samples > 0) {
    return Error{Errc::kInvalid,
                 "task.calibration_samples: a quantized model has no histograms to take"};
  }
  return {};
}

bool LocalTrainer::fits(const TrainCheckpoint& c, const LocalTraining& t,
                        std::size_t samples) const {
  return c.seen > 0 && std::isfinite(c.loss) && c.epoch < t.epochs && c.next_sample <= samples &&
         (c.next_sample % t.batch == 0 || c.next_sample == samples) &&
         c.params.size() == graph_.param_count && c.velocity.size() == graph_.param_count &&
         c.histograms.size() == (t.calibration_samples > 0 ? graph_.steps.size() : 0);
}

Result<LocalResult> LocalTrainer::train(const ModelState& model, const Task& task,
                                        const Dataset& data, std::span<const std::uint32_t> samples,
                                        Checkpointer* checkpointer) {
  const LocalTraining& t = task.training;
  if (auto ok = check(model, t, data); !ok) return ok.error();
  if (samples.empty()) {
    return Error{Errc::kInvalid, "the client has no samples; give it some, or do not check in"};
  }
  reserve(data, t);
  network_->load(model);
  sgd_.start(model.params, t.momentum != 0);
  LocalResult result;
  TrainCheckpoint place;
  if (checkpointer != nullptr) {
    const Digest digest = task_digest(task, data, samples);
    if (auto kept = checkpointer->resume(digest); kept && fits(*kept, t, samples.size())) {
      place = std::move(*kept);
      std::copy(place.params.begin(), place.params.end(), network_->params().begin());
      sgd_.set_velocity(place.velocity);
      result = {{}, place.seen, place.loss, place.histograms};
    }
    place.task = digest;
  }
  std::optional<WeightTies> ties;
  if (t.codebook > 0) ties.emplace(graph_, model.params, static_cast<int>(t.codebook));
  const bool resumed = place.seen > 0;
  std::optional<Kure> kure;
  if (t.kure > 0) kure.emplace(graph_, static_cast<double>(t.kure));
  SgdSink optimizer(sgd_, t, network_->params(), kure ? &*kure : nullptr);
  Rng rng({task.seed, task.round, task.client, Purpose::kShuffle});
  std::vector<std::uint32_t> order(samples.begin(), samples.end());
  const std::size_t batches = (order.size() + t.batch - 1) / t.batch;  // of an epoch
  for (std::uint32_t epoch = 0; epoch < t.epochs; ++epoch) {
    shuffle(order, rng);
    if (epoch < place.epoch) continue;
    if (epoch == 0 && t.calibration_samples > 0 && !resumed) {
      const auto some = std::min<std::size_t>(order.size(), t.calibration_samples);
      result.histograms = observe(data, std::span(order).first(some), t.batch);
    }
    const std::size_t first = epoch == place.epoch ? place.next_sample : 0;
    std::size_t done = first;
    auto batch = static_cast<std::uint32_t>(epoch * batches + first / t.batch);
    for_each_batch(
        std::span(order).subspan(first), t.batch, [&](std::span<const std::uint32_t> part) {
          if (!std::isfinite(result.loss)) return;  // diverged
          gather(data, part);
          const auto n = static_cast<int>(part.size());
          const BatchKey key{task.seed, task.round, task.client, batch++};
          BatchStats stats;
          if (kure) kure->measure(network_->params());
          if (ties) {  // need all gradients at once
            stats = network_->train_batch(codes_.data(), labels_.data(), n, key);
            ties->tie(network_->grads());
            sgd_.step(t, network_->grads(), network_->params());
          } else {
            stats = network_->train_batch(codes_.data(), labels_.data(), n, key, optimizer);
          }
          result.loss += stats.loss;
          result.seen += part.size();
          done += part.size();
          if (checkpointer != nullptr && std::isfinite(result.loss) && checkpointer->due()) {
            checkpointer->keep(checkpoint_of(place.task, epoch, done, result));
          }
        });
  }
  if (!std::isfinite(result.loss)) {
    return Error{Errc::kInvalid,
                 "training diverged: the loss is not finite; lower "
                 "client.learning_rate"};
  }
  result.delta = sgd_.delta(std::move(*network_).release_params());
  return result;
}

TrainCheckpoint LocalTrainer::checkpoint_of(const Digest& task, std::uint32_t epoch,
                                            std::size_t next_sample,
                                            const LocalResult& result) const {
  const std::span<const float> params = network_->params(), velocity = sgd_.velocity();
  return {task,
          epoch,
          next_sample,
          result.seen,
          result.loss,
          {params.begin(), params.end()},
          velocity.empty() ? std::vector<float>(params.size())
                           : std::vector<float>(velocity.begin(), velocity.end()),
          result.histograms};
}

}  // namespace fedqat
