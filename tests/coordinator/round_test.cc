#include "coordinator/round.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>

using namespace fedqat;

namespace {

constexpr RoundRules kRules = {.run = 7,
                               .round = 3,
                               .version = 2,
                               .goal = 3,
                               .quorum = 2,
                               .length_ms = 1000,
                               .max_attempts = 2};
const std::vector<ClientId> kCohort = {1, 2, 3, 4};

Digest digest(int fill) {
  Digest d;
  d.fill(std::byte(fill));
  return d;
}

Uploaded upload(ClientId who, int content = 0) { return {who, 7, 3, 2, digest(content)}; }

std::string name(const Action& action) {
  struct {
    std::string operator()(const GiveTask&) const { return "task"; }
    std::string operator()(const ComeBack&) const { return "later"; }
    std::string operator()(const Accept&) const { return "accept"; }
    std::string operator()(const AckAgain&) const { return "ack"; }
    std::string operator()(const Refuse& r) const {
      return "refuse:" + std::string(refusal_name(r.code));
    }
    std::string operator()(const Commit&) const { return "commit"; }
    std::string operator()(const Extend&) const { return "extend"; }
    std::string operator()(const Abandon&) const { return "abandon"; }
  } names;
  return std::visit(names, action);
}

std::string names(const std::vector<Action>& actions) {
  std::string all;
  for (const Action& a : actions) {
    if (!all.empty()) all += ' ';
    all += name(a);
  }
  return all;
}

struct Line {
  std::int64_t at;
  Event event;
  const char* actions;
};

// Opens a round at time 0 and plays the lines in order.
Round play(const std::vector<Line>& lines) {
  Round round(kRules, kCohort, 0);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    CAPTURE(i, lines[i].at);
    CHECK(names(round.step(lines[i].event, lines[i].at)) == lines[i].actions);
  }
  return round;
}

}  // namespace

TEST_CASE("round: the goal count commits at once") {
  const Round r = play({{0, CheckedIn{1}, "task"},
                        {0, CheckedIn{2}, "task"},
                        {1, CheckedIn{4}, "task"},
                        {5, upload(1), "accept"},
                        {6, upload(4), "accept"},
                        {7, upload(2), "accept commit"}});
  REQUIRE_FALSE(r.open());
  REQUIRE(r.accepted() == 3);
  REQUIRE(r.tasked() == 3);
}

TEST_CASE("round: who was not chosen, or has delivered, is told when to come back") {
  play({{0, CheckedIn{9}, "later"},
        {0, CheckedIn{1}, "task"},
        {1, CheckedIn{1}, "task"},  // it lost its task: the same again
        {2, upload(1), "accept"},
        {3, CheckedIn{1}, "later"}});
}

TEST_CASE("round: the same update again is acknowledged and counted once, another is refused") {
  const Round r = play({{0, CheckedIn{1}, "task"},
                        {1, upload(1, 5), "accept"},
                        {2, upload(1, 5), "ack"},
                        {3, upload(1, 6), "refuse:conflict"},
                        {4, upload(1, 5), "ack"}});
  REQUIRE(r.accepted() == 1);
}

TEST_CASE("round: at the deadline a quorum commits, and the upload of that instant is late") {
  play({{0, CheckedIn{1}, "task"},
        {0, CheckedIn{2}, "task"},
        {0, CheckedIn{3}, "task"},
        {1, upload(1), "accept"},
        {999, upload(2), "accept"},
        {1000, upload(3), "commit refuse:late"},
        {1001, upload(1), "ack"},  // its acknowledgement was lost
        {1002, upload(1, 9), "refuse:conflict"},
        {1003, Ticked{}, ""}});
}

TEST_CASE("round: without a quorum it goes on with what is there and more clients, then gives up") {
  Round r = play({{0, CheckedIn{1}, "task"}, {1, upload(1), "accept"}, {1000, Ticked{}, "extend"}});
  REQUIRE(r.deadline_ms() == 2000);
  REQUIRE(r.attempt() == 2);
  r.invite(std::vector<ClientId>{1, 2, 3, 4, 5});
  SECTION("the second attempt completes the quorum") {
    REQUIRE(names(r.step(CheckedIn{5}, 1100)) == "task");
    REQUIRE(names(r.step(CheckedIn{1}, 1100)) == "later");
    REQUIRE(names(r.step(upload(5), 1200)) == "accept");
    REQUIRE(names(r.step(Ticked{}, 2000)) == "commit");
    REQUIRE(r.accepted() == 2);
  }
  SECTION("the second deadline is the last") {
    REQUIRE(names(r.step(CheckedIn{5}, 2500)) == "abandon later");
    REQUIRE(names(r.step(upload(5), 2501)) == "refuse:late");
    REQUIRE(names(r.step(upload(1), 2502)) == "ack");
  }
}

TEST_CASE("round: wrong tags and strangers get a code each") {
  play({{0, CheckedIn{1}, "task"},
        {1, Uploaded{1, 8, 3, 2, digest(0)}, "refuse:wrong run"},
        {1, Uploaded{1, 7, 4, 2, digest(0)}, "refuse:wrong round"},
        {1, Uploaded{1, 7, 3, 1, digest(0)}, "refuse:wrong version"},
        {1, upload(9), "refuse:not invited"},
        {1, upload(2), "accept"},  // chosen; its task is from before a restart
        {2, upload(1), "accept"}});
}

TEST_CASE("round: after the goal everybody else is late") {
  play({{0, CheckedIn{1}, "task"},
        {0, CheckedIn{2}, "task"},
        {0, CheckedIn{3}, "task"},
        {0, CheckedIn{4}, "task"},
        {1, upload(1), "accept"},
        {2, upload(2), "accept"},
        {3, upload(3), "accept commit"},
        {4, upload(4), "refuse:late"},
        {5, CheckedIn{4}, "later"}});
}

TEST_CASE("round: windows are short beside the round, spread, and never below the least") {
  RoundRules rules = kRules;
  rules.length_ms = 100000;
  rules.expected_ms = 8000;
  rules.least_retry_ms = 20;
  Round round(rules, kCohort, 0);
  REQUIRE(names(round.step(CheckedIn{1}, 0)) == "task");
  REQUIRE(names(round.step(upload(1), 10)) == "accept");
  for (const std::int64_t now : {10, 4000, 7999, 8000, 12000}) {
    const std::int64_t apart = std::abs(8000 - now);
    const auto window = static_cast<std::int64_t>(round.retry_ms(1, now));
    REQUIRE(window >= 20);
    REQUIRE(window <= std::max<std::int64_t>(30, apart * 3 / 8));
  }
  // Who has something to do is not kept waiting.
  REQUIRE(round.retry_ms(2, 10) <= 30);
  REQUIRE(round.retry_ms(1, 10) != round.retry_ms(77, 10));
}

TEST_CASE("round: one long round before it does not make clients oversleep") {
  RoundRules rules = kRules;
  rules.length_ms = 60000;
  rules.expected_ms = 10000;
  rules.least_retry_ms = 20;
  const Round round(rules, kCohort, 0);
  constexpr ClientId kUninvited = 9;
  for (const std::int64_t passed : {0, 30, 100, 4000, 9000, 9990, 30000}) {
    CAPTURE(passed);
    const std::int64_t wait = round.retry_ms(kUninvited, passed);
    REQUIRE(wait >= 20);
    REQUIRE(wait <= std::max<std::int64_t>(passed, 20) + 10);
    if (passed < 9980) REQUIRE(passed + wait <= 10010);
  }
}
