// One federation trained and deployed in several ways, over several seeds.
#pragma once

#include "common/base/result.h"
#include "common/data/dataset.h"
#include "common/wire/config.pb.h"
#include "sim/compare_rows.h"
#include "sim/compare_runs.h"
#include "sim/report/compare_report.h"

namespace fedqat {

struct CompareOutcome {
  CompareReport report;   // without rows that no seed has finished
  bool complete = false;  // false: stopped by on_round
};

// What compare_techniques() refuses before its first round, found without running it; else how
// much it will do. `places` is where keys of the config stood, for errors.
Result<CompareSize> check_comparison(const wire::Config& config, const DataSplit& data,
                                     const Places& places = {});

// config.compare() says which techniques, bits, rows and seeds; config.sim().threads() are shared
// by the runs. All but latencies is the same for any number of them. Codes of run_federation().
Result<CompareOutcome> compare_techniques(const wire::Config& config, const DataSplit& data,
                                          const OnCompareRound& on_round);

}  // namespace fedqat
