// metrics.csv: one line for each round, for spreadsheets and scripts.
#pragma once

#include <string>

#include "sim/run_report.h"

namespace fedqat {

// A header line and report.rounds.size() lines; what was not measured is an empty field.
std::string metrics_csv(const RunReport& report);

}  // namespace fedqat
