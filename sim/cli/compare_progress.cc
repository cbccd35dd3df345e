#include "sim/cli/compare_progress.h"

#include <algorithm>

#include "sim/cli/progress.h"
#include "sim/report/number.h"

namespace fedqat {

CompareProgress::CompareProgress(std::FILE* out, const Terminal& terminal, const Clock& clock,
                                 const CompareSize& size, bool quiet)
    : out_(out),
      terminal_(terminal),
      clock_(clock),
      size_(size),
      quiet_(quiet),
      start_ms_(clock.now_ms()) {}

CompareProgress::~CompareProgress() {
  if (drawn_) std::fputs("\n", out_);
}

void CompareProgress::round(const std::string& what, const RunReport& so_far, std::uint32_t total) {
  if (quiet_) return;
  const bool run_ends = so_far.rounds.size() == total;
  rounds_ = std::min(rounds_ + 1, size_.rounds);
  if (run_ends) ++runs_;
  std::string text = "round " + std::to_string(rounds_) + "/" + std::to_string(size_.rounds) +
                     "  run " + std::to_string(runs_) + "/" + std::to_string(size_.runs) + "  " +
                     eta_text(rounds_, size_.rounds, clock_.now_ms() - start_ms_) + "  " + what;
  const auto measured = std::find_if(so_far.rounds.rbegin(), so_far.rounds.rend(),
                                     [](const RoundReport& r) { return r.evaluated; });
  if (measured != so_far.rounds.rend()) text += ": " + percent(measured->test_accuracy);
  if (terminal_.live) {
    std::fprintf(out_, "\r%s\033[K", bar_line(text, rounds_, size_.rounds, terminal_).c_str());
    drawn_ = true;
  } else {
    const std::uint64_t stride = std::max<std::uint64_t>(1, size_.rounds / 100);
    if (rounds_ % stride != 0 && !run_ends) return;
    std::fprintf(out_, "%s\n", text.c_str());
  }
  std::fflush(out_);
}

}  // namespace fedqat
