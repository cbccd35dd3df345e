#include "sim/compare.h"

#include <algorithm>

#include "common/nn/engine.h"
#include "common/nn/latency.h"
#include "common/wire/config_checks.h"
#include "common/wire/model_config.h"
#include "common/wire/model_file.h"
#include "common/wire/partition_config.h"
#include "sim/ptq.h"
#include "sim/run.h"

namespace fedqat {
namespace {

wire::Config quantized_config(wire::Config config, std::uint32_t bits) {
  config.mutable_quant()->set_weight_bits(bits);
  config.mutable_quant()->set_activation_bits(bits);
  return config;
}

struct Traffic {
  std::uint64_t up = 0;
  std::uint64_t down = 0;
};

class Comparison {
 public:
  Comparison(const wire::Config& config, const DataSplit& data, const OnCompareRound& on_round)
      : config_(config), data_(data), on_round_(on_round) {
    for (const auto bits : config.compare().bits()) {
      if (std::find(bits_.begin(), bits_.end(), bits) == bits_.end()) bits_.push_back(bits);
    }
    if (bits_.empty()) bits_ = {8, 4};
    make_rows();
  }

  // The config was checked with its own bits; here it is with those of each row that trains.
  Result<void> check() const {
    for (const CompareRow& row : report_.rows) {
      const bool is_qat = row.technique == "qat";
      const auto config =
          is_qat ? quantized_config(config_, static_cast<std::uint32_t>(row.weight_bits))
                 : fp32_config(config_);
      if (auto r = check_config(config, "compare, row " + row.label(), {}); !r) return r;
      if (auto r = check_federation(config, data_); !r) return r;
    }
    return {};
  }

  Result<CompareOutcome> run() {
    if (auto r = check(); !r) return r.error();
    for (std::uint32_t i = 0; i < config_.compare().seeds() && !stopped_; ++i) {
      wire::Config config = config_;
      config.mutable_run()->set_seed(config_.run().seed() + i);
      if (auto r = run_seed(config); !r) return r.error();
    }
    for (std::size_t i = 0; i < report_.rows.size(); ++i) {
      const std::size_t seeds = std::max<std::size_t>(1, report_.rows[i].accuracies.size());
      report_.rows[i].bytes_up = traffic_[i].up / seeds;
      report_.rows[i].bytes_down = traffic_[i].down / seeds;
    }
    std::erase_if(report_.rows, [](const CompareRow& r) { return r.accuracies.empty(); });
    return CompareOutcome{std::move(report_), !stopped_};
  }

 private:
  bool wanted(const char* technique) const {
    const auto& chosen = config_.compare().techniques();
    return chosen.empty() || std::find(chosen.begin(), chosen.end(), technique) != chosen.end();
  }

  void make_rows() {
    const auto add = [&](const char* technique, std::uint32_t bits) {
      CompareRow row;
      row.technique = technique;
      row.weight_bits = row.activation_bits = static_cast<int>(bits);
      report_.rows.push_back(row);
    };
    if (wanted("fp32")) add("fp32", 32);
    for (const char* technique : {"ptq", "qat"}) {
      for (const std::uint32_t bits : bits_) {
        if (wanted(technique)) add(technique, bits);
      }
    }
    traffic_.resize(report_.rows.size());
  }

  Result<void> run_seed(const wire::Config& config) {
    RunOutcome fp32;
    if (wanted("fp32") || wanted("ptq")) {
      auto outcome = train(fp32_config(config), "fp32");
      if (!outcome) return outcome.error();
      if (stopped_) return {};
      fp32 = std::move(*outcome);
    }
    for (std::size_t i = 0; i < report_.rows.size(); ++i) {
      if (auto r = fill(i, config, fp32); !r) return r;
      if (stopped_) return {};
    }
    return {};
  }

  Result<void> fill(std::size_t i, const wire::Config& config, const RunOutcome& fp32) {
    const CompareRow& row = report_.rows[i];
    const auto bits = static_cast<std::uint32_t>(row.weight_bits);
    if (row.technique == "fp32") return add(i, fp32.model, fp32.model_file.size(), fp32.report);
    if (row.technique == "ptq") {
      auto model = quantize(quantized_config(config, bits), fp32.state);
      if (!model) return model.error();
      const std::size_t size = encode_model(*model).size();
      return add(i, std::move(*model), size, fp32.report);
    }
    const auto outcome = train(quantized_config(config, bits), row.label());
    if (!outcome) return outcome.error();
    if (stopped_) return {};
    return add(i, outcome->model, outcome->model_file.size(), outcome->report);
  }

  Result<RunOutcome> train(const wire::Config& config, const std::string& label) {
    const std::string what = label + ", seed " + std::to_string(config.run().seed());
    auto outcome = run_federation(config, data_, [&](const RunReport& so_far, std::uint32_t total) {
      if (!on_round_(what, so_far, total)) stopped_ = true;
      return !stopped_;
    });
    if (outcome && report_.isa.empty()) describe(outcome->report);
    return outcome;
  }

  Result<PackedModel> quantize(const wire::Config& config, const ModelState& fp32) {
    const Dataset& train = data_.train;
    const auto network = network_from_config(config, train.shape, train.classes, train.grid);
    if (!network) return network.error();
    const auto partition = partition_from_config(config, train);
    if (!partition) return partition.error();
    return quantize_after_training(*network, fp32, train, *partition,
                                   config.quant().calibration_samples());
  }

  Result<void> add(std::size_t i, PackedModel model, std::size_t bytes, const RunReport& run) {
    constexpr int kBatch = 32;
    auto engine = Engine::make(std::move(model), kBatch);
    if (!engine) return engine.error();
    CompareRow& row = report_.rows[i];
    row.accuracies.push_back(engine->evaluate(data_.test, 0, data_.test.size()).accuracy());
    traffic_[i].up += run.bytes_up;
    traffic_[i].down += run.bytes_down;
    if (row.accuracies.size() > 1) return {};
    row.model_bytes = bytes;
    row.latency_us_batch1 = latency_us(*engine, data_.test, 1);
    row.latency_us_batch32 = latency_us(*engine, data_.test, kBatch);
    return {};
  }

  void describe(const RunReport& run) {
    report_.name = config_.run().name();
    report_.first_seed = config_.run().seed();
    report_.isa = run.isa;
    report_.model_name = run.model_name;
    report_.data_name = run.data_name;
    report_.partition = run.partition;
    report_.clients = run.clients;
    report_.parameters = run.parameters;
  }

  const wire::Config& config_;
  const DataSplit& data_;
  const OnCompareRound& on_round_;
  std::vector<std::uint32_t> bits_;
  CompareReport report_;
  std::vector<Traffic> traffic_;  // parallel to report_.rows, summed over seeds
  bool stopped_ = false;
};

}  // namespace

wire::Config fp32_config(wire::Config config) {
  config.mutable_quant()->set_weight_bits(32);
  config.mutable_quant()->set_activation_bits(32);
  config.mutable_codec()->set_uplink_bits(32);
  config.mutable_codec()->set_downlink_bits(32);
  return config;
}

Result<void> check_comparison(const wire::Config& config, const DataSplit& data) {
  const OnCompareRound none;
  return Comparison(config, data, none).check();
}

Result<CompareOutcome> compare_techniques(const wire::Config& config, const DataSplit& data,
                                          const OnCompareRound& on_round) {
  return Comparison(config, data, on_round).run();
}

}  // namespace fedqat
