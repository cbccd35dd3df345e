#include "sim/compare_runs.h"

#include <algorithm>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>

#include "common/base/thread_pool.h"
#include "common/wire/model_config.h"
#include "common/wire/model_file.h"
#include "common/wire/partition_config.h"
#include "sim/ptq.h"
#include "sim/run.h"

namespace fedqat {
namespace {

using RowIndices = std::vector<std::size_t>;

// Rows that share a training, in the order of their first.
std::vector<RowIndices> trainings(const std::vector<PlannedRow>& rows) {
  std::map<std::string, std::size_t> known;
  std::vector<RowIndices> out;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto [at, is_new] = known.emplace(training_key(rows[i].train), out.size());
    if (is_new) out.emplace_back();
    out[at->second].push_back(i);
  }
  return out;
}

Result<PackedModel> quantize(const wire::Config& config, const ModelState& fp32,
                             const Dataset& train) {
  const auto network = network_from_config(config, train.shape, train.classes, train.grid);
  if (!network) return network.error();
  const auto partition = partition_from_config(config, train);
  if (!partition) return partition.error();
  return quantize_after_training(*network, fp32, train, *partition, ptq_options(config));
}

Result<RowResult> deploy(const PlannedRow& row, const RunOutcome& run, const DataSplit& data) {
  RowResult result;
  result.bytes_up = run.report.bytes_up;
  result.bytes_down = run.report.bytes_down;
  result.rounds = static_cast<std::uint32_t>(run.report.rounds.size());
  if (is_after_training(row.technique)) {
    wire::Config config = row.deploy;
    config.mutable_run()->set_seed(run.report.seed);
    auto model = quantize(config, run.state, data.train);
    if (!model) return model.error();
    result.model_bytes = encode_model(*model).size();
    result.model = std::move(*model);
  } else {
    result.model_bytes = run.model_file.size();
    result.model = run.model;
  }
  auto predictions = predict(*result.model, data.test);
  if (!predictions) return predictions.error();
  result.predictions = std::move(*predictions);
  return result;
}

class Runner {
 public:
  Runner(const std::vector<PlannedRow>& rows, std::uint32_t seeds, const DataSplit& data,
         const OnCompareRound& on_round)
      : rows_(rows), data_(data), on_round_(on_round), trainings_(trainings(rows)) {
    out_.results.assign(rows.size(), std::vector<std::optional<RowResult>>(seeds));
    errors_.resize(jobs());
    first_ = jobs();
  }

  std::size_t jobs() const {
    return trainings_.size() * (rows_.empty() ? 0 : out_.results.front().size());
  }

  // All of the first seed come first, so that a stopped comparison has rows to show.
  void run(std::size_t job, int threads) {
    if (stopped()) return;
    const RowIndices& wanted = trainings_[job % trainings_.size()];
    const std::size_t seed = job / trainings_.size();
    const PlannedRow& row = rows_[wanted.front()];
    wire::Config config = row.train;
    config.mutable_run()->set_seed(config.run().seed() + seed);
    config.mutable_sim()->set_threads(static_cast<std::uint32_t>(threads));
    const std::string what =
        (is_after_training(row.technique) ? row.label + " (in fp32)" : row.label) + ", seed " +
        std::to_string(config.run().seed());
    const auto run =
        run_federation(config, data_, [&](const RunReport& so_far, std::uint32_t total) {
          const std::lock_guard lock(mutex_);
          if (!stopped_ && !on_round_(what, so_far, total)) stopped_ = true;
          return !stopped_;
        });
    if (!run) return fail(job, run.error());
    if (stopped()) return;
    for (const std::size_t i : wanted) {
      auto result = deploy(rows_[i], *run, data_);
      if (!result) return fail(job, result.error());
      keep(i, seed, std::move(*result));
    }
    const std::lock_guard lock(mutex_);
    if (job > first_) return;
    first_ = job;
    out_.first = run->report;
  }

  Result<CompareRuns> finish() && {
    for (const auto& error : errors_) {
      if (error) return *error;
    }
    out_.complete = !stopped_;
    return std::move(out_);
  }

 private:
  bool stopped() {
    const std::lock_guard lock(mutex_);
    return stopped_;
  }

  void fail(std::size_t job, const Error& error) {
    const std::lock_guard lock(mutex_);
    errors_[job] = error;
    stopped_ = true;
  }

  // One model a row stays in memory: that of its first seed.
  void keep(std::size_t row, std::size_t seed, RowResult result) {
    const std::lock_guard lock(mutex_);
    auto& seeds = out_.results[row];
    seeds[seed] = std::move(result);
    bool found = false;
    for (auto& other : seeds) {
      if (!other) continue;
      if (found) other->model.reset();
      found = true;
    }
  }

  const std::vector<PlannedRow>& rows_;
  const DataSplit& data_;
  const OnCompareRound& on_round_;
  const std::vector<RowIndices> trainings_;
  std::mutex mutex_;  // for what follows
  bool stopped_ = false;
  std::size_t first_;
  std::vector<std::optional<Error>> errors_;  // one a job
  CompareRuns out_;
};

}  // namespace

CompareSize compare_size(const std::vector<PlannedRow>& rows, std::uint32_t seeds) {
  CompareSize size;
  for (const RowIndices& training : trainings(rows)) {
    size.runs += seeds;
    size.rounds += std::uint64_t{seeds} * rows[training.front()].train.run().rounds();
  }
  return size;
}

Result<CompareRuns> run_rows(const std::vector<PlannedRow>& rows, std::uint32_t seeds,
                             std::uint32_t threads, const DataSplit& data,
                             const OnCompareRound& on_round) {
  Runner runner(rows, seeds, data, on_round);
  const std::size_t jobs = runner.jobs();
  const std::size_t all =
      std::max<std::size_t>(1, threads > 0 ? threads : std::thread::hardware_concurrency());
  const std::size_t together = std::clamp<std::size_t>(jobs, 1, all);
  std::unique_ptr<ThreadPool> pool;
  try {
    pool = std::make_unique<ThreadPool>(static_cast<int>(together));
  } catch (const std::system_error& e) {
    return Error{Errc::kUnavailable, "the system does not give " + std::to_string(together) +
                                         " threads (" + e.what() +
                                         "); lower sim.threads or --threads"};
  }
  pool->for_each(jobs, [&](std::size_t job, int worker) {
    const bool one_more = static_cast<std::size_t>(worker) < all % together;
    runner.run(job, static_cast<int>(all / together) + (one_more ? 1 : 0));
  });
  return std::move(runner).finish();
}

}  // namespace fedqat
