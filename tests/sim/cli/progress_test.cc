#include "sim/cli/progress.h"

#include <catch2/catch.hpp>
#include <cstdio>
#include <string>

#include "tests/support/sample_report.h"

namespace fedqat {
namespace {

RunReport rounds_done(std::size_t n) {
  RunReport r = sample_report();
  r.rounds.resize(n);
  return r;
}

// What a run of 30 rounds of one second each writes.
std::string output(const Terminal& terminal, bool quiet, std::uint32_t total = 30) {
  std::FILE* file = std::tmpfile();
  VirtualClock clock;
  {
    Progress progress(file, terminal, clock, "W8A8", quiet);
    RunReport r = sample_report();
    const auto rounds = r.rounds;
    r.rounds.clear();
    for (std::uint32_t i = 0; i < total; ++i) {
      clock.advance_to((i + 1) * 1000);
      r.rounds.push_back(rounds[i % rounds.size()]);
      progress.round(r, total);
    }
  }
  std::rewind(file);
  std::string text;
  for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) text += static_cast<char>(c);
  std::fclose(file);
  return text;
}

TEST_CASE("progress: says the round, the last measured accuracy, the loss and the time left") {
  CHECK(progress_text("W8A8", rounds_done(0), 30, 0) == "W8A8  round 0/30");
  const std::string text = progress_text("W8A8", rounds_done(15), 30, 15000);
  CHECK(text == "W8A8  round 15/30  accuracy 96.99 %  loss 0.083  15 s left");
  CHECK_THAT(progress_text("W8A8", rounds_done(30), 30, 2500), Catch::Contains("in 2.5 s"));
}

TEST_CASE("progress: off a terminal there are plain lines, without control characters") {
  const std::string text = output({.live = false, .color = false, .columns = 80}, false);
  CHECK(std::count(text.begin(), text.end(), '\n') == 30);
  CHECK(text.find('\r') == text.npos);
  CHECK(text.find('\033') == text.npos);
  const std::string many = output({.live = false, .color = false, .columns = 80}, false, 5000);
  CHECK(std::count(many.begin(), many.end(), '\n') <= 52);
}

TEST_CASE("progress: on a terminal one line is drawn over, never wider than the terminal") {
  for (const int columns : {1, 20, 60, 80, 200}) {
    const Terminal terminal{.live = true, .color = false, .columns = columns};
    const std::string bar = progress_bar("W8A8", rounds_done(15), 30, 15000, terminal);
    CAPTURE(columns, bar);
    CHECK(bar.size() < static_cast<std::size_t>(std::max(11, columns)));
  }
  const std::string text = output({.live = true, .color = true, .columns = 100}, false);
  CHECK(std::count(text.begin(), text.end(), '\n') == 1);
  CHECK(std::count(text.begin(), text.end(), '\r') == 30);
  CHECK(text.find("\033[36m") != text.npos);
  const std::string plain = output({.live = true, .color = false, .columns = 100}, false);
  CHECK(plain.find("\033[36m") == plain.npos);  // NO_COLOR
}

TEST_CASE("progress: quiet is quiet") {
  CHECK(output({.live = true, .color = true, .columns = 100}, true).empty());
}

}  // namespace
}  // namespace fedqat
