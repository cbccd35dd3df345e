// One federation trained and deployed in several ways, over several seeds.
#pragma once

#include <functional>
#include <string>

#include "common/base/result.h"
#include "common/data/dataset.h"
#include "common/wire/config.pb.h"
#include "sim/report/compare_report.h"
#include "sim/run_report.h"

namespace fedqat {

// The same config in fp32: weights, activations and everything that travels.
wire::Config fp32_config(wire::Config config);

// Called after every round of every run; `what` is such as "qat W4A4, seed 2". false stops.
using OnCompareRound = std::function<bool(const std::string& what, const RunReport& so_far,
                                          std::uint32_t total_rounds)>;

struct CompareOutcome {
  CompareReport report;   // without rows that no seed has finished
  bool complete = false;  // false: stopped by on_round
};

// What compare_techniques() refuses before its first round, found without running it.
Result<void> check_comparison(const wire::Config& config, const DataSplit& data);

// config.compare() says which techniques, bits and seeds. Codes of run_federation().
Result<CompareOutcome> compare_techniques(const wire::Config& config, const DataSplit& data,
                                          const OnCompareRound& on_round);

}  // namespace fedqat
