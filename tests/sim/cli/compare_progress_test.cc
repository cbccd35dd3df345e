#include "sim/cli/compare_progress.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdio>
#include <string>

#include "tests/support/sample_report.h"

namespace fedqat {
namespace {

// Two runs of `rounds` rounds that take turns, a second each.
std::string output(const Terminal& terminal, std::uint32_t rounds, bool quiet = false) {
  std::FILE* file = std::tmpfile();
  VirtualClock clock;
  {
    CompareProgress progress(file, terminal, clock, {.runs = 2, .rounds = 2 * rounds}, quiet);
    const RunReport sample = sample_report();
    RunReport report = sample;
    report.rounds.clear();
    for (std::uint32_t i = 0; i < rounds; ++i) {
      report.rounds.push_back(sample.rounds[i % sample.rounds.size()]);
      for (const char* run : {"fp32, seed 1", "qat W8A8, seed 1"}) {
        clock.advance_to(clock.now_ms() + 1000);
        progress.round(run, report, rounds);
      }
    }
  }
  std::rewind(file);
  std::string text;
  for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) text += static_cast<char>(c);
  std::fclose(file);
  return text;
}

TEST_CASE("progress of a comparison: rounds and runs of all, and the time that is left") {
  const std::string text = output({.live = false, .color = false, .columns = 80}, 4);
  CHECK_THAT(text, Catch::Contains("round 1/8  run 0/2  7 s left  fp32, seed 1: ") &&
                       Catch::Contains("round 7/8  run 1/2  1 s left  fp32, seed 1: ") &&
                       Catch::Contains("round 8/8  run 2/2  in 8 s  qat W8A8, seed 1: "));
  const std::string many = output({.live = false, .color = false, .columns = 80}, 5000);
  CHECK(std::count(many.begin(), many.end(), '\n') <= 102);
}

TEST_CASE("progress of a comparison: one line on a terminal, nothing when quiet") {
  const std::string text = output({.live = true, .color = false, .columns = 100}, 20);
  CHECK(std::count(text.begin(), text.end(), '\n') == 1);
  CHECK(std::count(text.begin(), text.end(), '\r') == 40);
  CHECK(output({.live = true, .color = true, .columns = 100}, 20, true).empty());
}

}  // namespace
}  // namespace fedqat
