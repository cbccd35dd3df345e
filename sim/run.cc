#include "sim/run.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>

#include "common/base/isa.h"
#include "common/crypto/sha256.h"
#include "common/nn/evaluate.h"
#include "common/wire/layer_bits.h"
#include "common/wire/model_config.h"
#include "common/wire/model_file.h"
#include "common/wire/partition_config.h"
#include "sim/client_shares.h"
#include "sim/virtual_world.h"

namespace fedqat {
namespace {

constexpr std::uint32_t kReportedShares = 100;

class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

std::uint64_t peak_rss_bytes() {
  struct rusage usage {};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

float mean_of(const Graph& graph, const ModelState& state, int tensor) {
  const ParamTensor& p = graph.params[static_cast<std::size_t>(tensor)];
  double sum = 0;
  for (std::size_t i = 0; i < p.size; ++i) sum += static_cast<double>(state.params[p.offset + i]);
  return static_cast<float>(sum / static_cast<double>(p.size));
}

void describe_scales(const Graph& graph, const ModelState& state, RoundReport& round) {
  if (!state.quantized) return;
  for (const Step& s : graph.steps) {
    if (s.activation_scale != kNone) {
      round.activation_log2_scales.push_back(mean_of(graph, state, s.activation_scale));
    }
    if (s.weight_scale != kNone) {
      round.weight_log2_scales.push_back(mean_of(graph, state, s.weight_scale));
    }
  }
}

void set_bits(const QuantSpec& quant, RunReport& r) {
  r.weight_bits = quant.weight_bits;
  r.activation_bits = quant.activation_bits;
  r.layer_bits.clear();
  for (const LayerBits& layer : quant.layers) r.layer_bits.push_back(layer_bits_text(layer));
}

RunReport describe_run(const wire::Config& config, const DataSplit& data, const Graph& graph,
                       const Partition& partition, int threads) {
  RunReport r;
  r.name = config.run().name();
  r.seed = config.run().seed();
  r.isa = isa_name(best_isa());
  r.threads = threads;
  r.model_name = config.model().name();
  r.parameters = graph.weight_count;
  r.macs_per_sample = graph.macs;
  set_bits(graph.quant, r);
  r.bytes_fp32 = graph.weight_count * sizeof(float);
  for (const Step& s : graph.steps) {
    if (s.activation_scale != kNone) r.activation_names.push_back(s.name);
    if (s.weight_scale != kNone) r.weight_names.push_back(s.name);
  }
  r.data_name = data.train.name;
  r.data_sha256 = data.sha256;
  r.train_samples = data.train.size();
  r.test_samples = data.test.size();
  r.classes = data.train.classes;
  r.clients = partition.clients();
  r.partition = partition_text(config.partition());
  r.shares = client_shares(partition, data.train, kReportedShares);
  return r;
}

RoundReport describe_round(const RoundSummary& summary) {
  RoundReport r;
  r.round = summary.round;
  r.phase = phase_name(summary.phase);
  r.clients_sampled = summary.invited;
  r.clients_aggregated = summary.aggregated;
  r.updates_stale = summary.stale;
  r.clients_tasked = summary.tasked;
  r.updates_refused = summary.refused;
  r.attempts = summary.attempts;
  r.train_loss = summary.mean_loss;
  r.virtual_seconds = static_cast<double>(summary.closed_ms - summary.opened_ms) / 1000;
  r.clipped_share = summary.clipped_share;
  return r;
}

Result<void> evaluate_into(const Coordinator& coordinator, const Dataset& test, ThreadPool& pool,
                           Backend backend, RoundReport& round) {
  const PackedModel model =
      deployed_model(coordinator.graph(), coordinator.state(), coordinator.network().input);
  if (model.quant.is_float()) backend = Backend::kBuiltin;  // of the warm-up, for one
  const auto result = evaluate(model, test, pool, backend);
  if (!result) return result.error();
  round.evaluated = true;
  round.test_accuracy = result->accuracy();
  round.test_loss = result->mean_loss();
  return {};
}

Result<void> check_data(const DataSplit& data) {
  if (data.train.size() == 0) return Error{Errc::kInvalid, "the data set has no training samples"};
  if (data.test.size() == 0) return Error{Errc::kInvalid, "the data set has no test samples"};
  return {};
}

// Otherwise the coordinator would refuse the client's updates, round after round.
Result<void> check_partition(const Partition& partition, std::uint32_t limit) {
  for (std::uint32_t c = 0; c < partition.clients(); ++c) {
    const std::size_t samples = partition.samples(c).size();
    if (samples <= limit) continue;
    return Error{Errc::kInvalid, "round.max_samples = " + std::to_string(limit) + ": client " +
                                     std::to_string(c) + " has " + std::to_string(samples) +
                                     " samples; raise it, or spread the data over more clients "
                                     "(partition.clients)"};
  }
  return {};
}

struct Federation {
  Partition partition;
  std::unique_ptr<Coordinator> coordinator;
};

// Everything that can be found wrong before the first round is found here. Virtual time starts at
// 0.
Result<Federation> prepare(const wire::Config& config, const DataSplit& data) {
  if (auto ok = check_data(data); !ok) return ok.error();
  if (auto ok = backend_available(backend_from_config(config)); !ok) {
    return at("sim.backend", ok.error());
  }
  auto network = network_from_config(config, data.train.shape, data.train.classes, data.train.grid);
  if (!network) return network.error();
  auto partition = partition_from_config(config, data.train);
  if (!partition) return at("partition", partition.error());
  auto coordinator = Coordinator::make(config, *network, partition->clients(), 0);
  if (!coordinator) return coordinator.error();
  if (auto ok = check_partition(*partition, (*coordinator)->max_samples()); !ok) return ok.error();
  return Federation{std::move(*partition), std::move(*coordinator)};
}

Result<std::unique_ptr<ThreadPool>> make_pool(const wire::SimConfig& config) {
  const unsigned n = config.threads() > 0 ? config.threads() : std::thread::hardware_concurrency();
  const int threads = static_cast<int>(std::max(1U, n));
  try {
    return std::make_unique<ThreadPool>(threads);
  } catch (const std::system_error& e) {
    return Error{Errc::kUnavailable, "the system does not give " + std::to_string(threads) +
                                         " threads (" + e.what() +
                                         "); lower sim.threads or --threads"};
  }
}

}  // namespace

Result<void> check_federation(const wire::Config& config, const DataSplit& data) {
  if (auto made = prepare(config, data); !made) return made.error();
  return {};
}

Result<RunOutcome> run_federation(const wire::Config& config, const DataSplit& data,
                                  const OnRound& on_round) {
  const Stopwatch total;
  auto made = prepare(config, data);
  if (!made) return made.error();
  const Partition& partition = made->partition;
  Coordinator& coordinator = *made->coordinator;
  VirtualClock clock;
  auto pool_made = make_pool(config.sim());
  if (!pool_made) return pool_made.error();
  ThreadPool& pool = **pool_made;
  const Graph& graph = coordinator.graph();
  const Backend backend = backend_from_config(config);
  const Scenario scenario(config.sim(), config.run().seed(), graph.macs);
  VirtualWorld world(coordinator, data.train, partition, scenario, pool, clock);

  RunOutcome outcome;
  RunReport& report = outcome.report;
  report = describe_run(config, data, graph, partition, pool.size());
  bool go_on = true;
  while (go_on && coordinator.status() == Coordinator::Status::kRunning) {
    const Stopwatch lap;
    const Traffic before = world.traffic();
    if (auto ok = world.run_round(); !ok) return ok.error();
    if (coordinator.status() == Coordinator::Status::kFailed) break;
    RoundReport round = describe_round(coordinator.last_round());
    round.bytes_up = world.traffic().up - before.up;
    round.bytes_down = world.traffic().down - before.down;
    describe_scales(graph, coordinator.state(), round);
    const bool last = coordinator.status() == Coordinator::Status::kFinished;
    if (last || round.round % config.sim().eval_every() == 0) {
      if (auto ok = evaluate_into(coordinator, data.test, pool, backend, round); !ok)
        return ok.error();
    }
    round.seconds = lap.seconds();
    report.bytes_up = world.traffic().up;
    report.bytes_down = world.traffic().down;
    report.seconds = total.seconds();
    report.rounds.push_back(std::move(round));
    if (on_round) go_on = on_round(report, coordinator.rounds());
  }
  if (coordinator.status() == Coordinator::Status::kFailed) {
    std::string why = coordinator.failure();
    if (!world.last_failure().empty()) why += " (last client: " + world.last_failure() + ")";
    return Error{Errc::kUnavailable, why};
  }

  RoundReport& final_round = report.rounds.back();
  if (!final_round.evaluated) {
    if (auto ok = evaluate_into(coordinator, data.test, pool, backend, final_round); !ok) {
      return ok.error();
    }
  }
  outcome.model = deployed_model(graph, coordinator.state(), coordinator.network().input);
  outcome.model_file = encode_model(outcome.model);
  // A run that is stopped in its warm-up leaves the fp32 network, whatever the config asked for.
  set_bits(outcome.model.quant, report);
  outcome.state = coordinator.state();
  auto recall = class_recall(outcome.model, data.test, pool);
  if (!recall) return recall.error();
  report.class_recall = std::move(*recall);
  report.model_sha256 = to_hex(sha256(outcome.model_file));
  report.bytes_packed = outcome.model_file.size();
  report.final_accuracy = final_round.test_accuracy;
  report.final_loss = final_round.test_loss;
  report.seconds = total.seconds();
  report.train_samples_per_second = static_cast<double>(world.samples_trained()) / report.seconds;
  report.peak_rss_bytes = peak_rss_bytes();
  return outcome;
}

}  // namespace fedqat
