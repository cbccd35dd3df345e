// The plots that pages about runs are made of; each is HTML to be put into a card.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "sim/run_report.h"

namespace fedqat {

// A run and how plots call it.
struct NamedRun {
  std::string name;
  const RunReport* run = nullptr;
};

// Phases of the first run are marked; runs after the first are dashed if `dashed`.
std::string accuracy_plot(std::span<const NamedRun> runs, bool dashed);
std::string loss_plot(std::span<const NamedRun> runs, bool dashed);   // of the test set
std::string bytes_plot(std::span<const NamedRun> runs, bool dashed);  // both directions, cumulative

std::string train_test_loss_plot(const RunReport& run);
std::string scales_plot(const RunReport& run, const std::vector<std::string>& names,
                        std::vector<float> RoundReport::*scales);
std::string clients_plot(const RunReport& run);
std::string recall_bars(const RunReport& run);

}  // namespace fedqat
