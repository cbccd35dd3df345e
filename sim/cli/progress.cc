#include "sim/cli/progress.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "sim/report/number.h"

namespace fedqat {

std::string eta_text(std::uint64_t done, std::uint64_t total, std::int64_t elapsed_ms) {
  const double elapsed = double(elapsed_ms) / 1000;
  if (done >= total) return "in " + seconds_text(elapsed);
  if (done == 0) return "";
  const double left = elapsed / double(done) * double(total - done);
  return seconds_text(std::max(1.0, std::round(left))) + " left";
}

std::string progress_text(const std::string& label, const RunReport& so_far, std::uint32_t total,
                          std::int64_t elapsed_ms) {
  const std::size_t done = so_far.rounds.size();
  std::string text = label + "  round " + std::to_string(done) + "/" + std::to_string(total);
  const auto measured = std::find_if(so_far.rounds.rbegin(), so_far.rounds.rend(),
                                     [](const RoundReport& r) { return r.evaluated; });
  if (measured != so_far.rounds.rend()) {
    text += "  accuracy " + percent(measured->test_accuracy);
  }
  if (done > 0) text += "  loss " + fixed(so_far.rounds.back().train_loss, 3);
  const std::string eta = eta_text(done, total, elapsed_ms);
  return eta.empty() ? text : text + "  " + eta;
}

std::string progress_bar(const std::string& label, const RunReport& so_far, std::uint32_t total,
                         std::int64_t elapsed_ms, const Terminal& terminal) {
  return bar_line(progress_text(label, so_far, total, elapsed_ms), so_far.rounds.size(), total,
                  terminal);
}

std::string bar_line(std::string text, std::uint64_t done, std::uint64_t total,
                     const Terminal& terminal) {
  const int columns = std::max(10, terminal.columns - 1);  // the last column would wrap
  const int room = columns - static_cast<int>(text.size()) - 3;
  if (room < 5) {
    text.resize(std::min(text.size(), static_cast<std::size_t>(columns)));
    return text;
  }
  const int width = std::min(room, 30);
  const auto filled = static_cast<std::size_t>(done * static_cast<std::uint64_t>(width) /
                                               std::max<std::uint64_t>(1, total));
  const std::string full(std::min(filled, static_cast<std::size_t>(width)), '#');
  const std::string rest(static_cast<std::size_t>(width) - full.size(), '.');
  const char* const on = terminal.color ? "\033[36m" : "";
  const char* const off = terminal.color ? "\033[0m" : "";
  return "[" + (on + full) + off + rest + "] " + text;
}

Progress::Progress(std::FILE* out, const Terminal& terminal, const Clock& clock, std::string label,
                   bool quiet)
    : out_(out),
      terminal_(terminal),
      clock_(clock),
      label_(std::move(label)),
      quiet_(quiet),
      start_ms_(clock.now_ms()) {}

Progress::~Progress() {
  if (drawn_) std::fputs("\n", out_);
}

void Progress::round(const RunReport& so_far, std::uint32_t total) {
  if (quiet_) return;
  const std::int64_t elapsed_ms = clock_.now_ms() - start_ms_;
  if (terminal_.live) {
    // Back to the first column, draw, erase what is left of the line before.
    std::fprintf(out_, "\r%s\033[K",
                 progress_bar(label_, so_far, total, elapsed_ms, terminal_).c_str());
    drawn_ = true;
  } else {
    const std::size_t done = so_far.rounds.size();
    const std::uint32_t stride = std::max<std::uint32_t>(1, total / 50);
    if (done != 1 && done != total && done % stride != 0) return;
    std::fprintf(out_, "%s\n", progress_text(label_, so_far, total, elapsed_ms).c_str());
  }
  std::fflush(out_);
}

}  // namespace fedqat
