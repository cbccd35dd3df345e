#include "sim/compare.h"

#include <algorithm>
#include <utility>

#include "common/nn/engine.h"
#include "common/nn/latency.h"

namespace fedqat {
namespace {

using SeedResults = std::vector<std::optional<RowResult>>;  // [seeds]

Result<void> measure_latency(PackedModel model, const Dataset& test, CompareRow& row) {
  constexpr int kBatch = 32;
  auto engine = Engine::make(std::move(model), kBatch);
  if (!engine) return engine.error();
  row.latency_us_batch1 = latency_us(*engine, test, 1);
  row.latency_us_batch32 = latency_us(*engine, test, kBatch);
  return {};
}

// `fp32` has the predictions to disagree with; null: there is no such row.
CompareRow describe_row(const PlannedRow& planned, const SeedResults& seeds,
                        const SeedResults* fp32, const Dataset& test) {
  CompareRow row;
  row.name = planned.label;
  row.technique = planned.technique;
  row.weight_bits = static_cast<int>(planned.deploy.quant().weight_bits());
  row.activation_bits = static_cast<int>(planned.deploy.quant().activation_bits());
  row.class_recall.assign(static_cast<std::size_t>(test.classes), 0);
  for (std::size_t s = 0; s < seeds.size(); ++s) {
    if (!seeds[s]) continue;
    const RowResult& result = *seeds[s];
    if (row.accuracies.empty()) row.model_bytes = result.model_bytes;
    row.accuracies.push_back(accuracy(result.predictions, test));
    const auto recall = class_recall(result.predictions, test);
    for (std::size_t c = 0; c < recall.size(); ++c) row.class_recall[c] += recall[c];
    if (fp32 != nullptr && (*fp32)[s]) {
      row.disagreements.push_back(disagreement(result.predictions, (*fp32)[s]->predictions));
    }
    row.bytes_up += result.bytes_up;
    row.bytes_down += result.bytes_down;
    row.rounds = std::max(row.rounds, result.rounds);
  }
  const std::size_t count = std::max<std::size_t>(1, row.accuracies.size());
  for (double& r : row.class_recall) r /= double(count);
  row.bytes_up /= count;
  row.bytes_down /= count;
  return row;
}

void describe_run(const RunReport& run, CompareReport& report) {
  report.isa = run.isa;
  report.model_name = run.model_name;
  report.data_name = run.data_name;
  report.partition = run.partition;
  report.clients = run.clients;
  report.parameters = run.parameters;
}

}  // namespace

Result<CompareSize> check_comparison(const wire::Config& config, const DataSplit& data,
                                     const Places& places) {
  const auto rows = plan_rows(config, places);
  if (!rows) return rows.error();
  if (auto r = check_rows(*rows, data); !r) return r.error();
  return compare_size(*rows, config.compare().seeds());
}

Result<CompareOutcome> compare_techniques(const wire::Config& config, const DataSplit& data,
                                          const OnCompareRound& on_round) {
  const auto rows = plan_rows(config, {});
  if (!rows) return rows.error();
  if (auto r = check_rows(*rows, data); !r) return r.error();
  auto runs = run_rows(*rows, config.compare().seeds(), config.sim().threads(), data, on_round);
  if (!runs) return runs.error();

  CompareOutcome outcome;
  outcome.complete = runs->complete;
  outcome.report.name = config.run().name();
  outcome.report.first_seed = config.run().seed();
  if (runs->first) describe_run(*runs->first, outcome.report);
  const auto fp32 = std::find_if(rows->begin(), rows->end(),
                                 [](const PlannedRow& r) { return r.technique == "fp32"; });
  const SeedResults* const reference =
      fp32 == rows->end() ? nullptr
                          : &runs->results[static_cast<std::size_t>(fp32 - rows->begin())];
  for (std::size_t i = 0; i < rows->size(); ++i) {
    CompareRow row = describe_row((*rows)[i], runs->results[i], reference, data.test);
    if (row.accuracies.empty()) continue;
    // Now that nothing else runs.
    for (auto& result : runs->results[i]) {
      if (!result || !result->model) continue;
      auto measured = measure_latency(std::move(*result->model), data.test, row);
      if (!measured) return measured.error();
    }
    outcome.report.rows.push_back(std::move(row));
  }
  return outcome;
}

}  // namespace fedqat
