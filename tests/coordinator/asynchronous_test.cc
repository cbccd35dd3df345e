// Asynchronous rounds: updates of models that have moved on since.
#include <algorithm>
#include <cmath>

#include "tests/support/coordinator_play.h"
#include "tests/support/memory_journal.h"

using namespace fedqat;

namespace {

// Two updates end a round, four clients work at the same time.
wire::Config config(std::uint32_t max_staleness = 2) {
  wire::Config c = some_config();
  c.mutable_run()->set_rounds(8);
  c.mutable_quant()->set_weight_bits(32);
  c.mutable_quant()->set_activation_bits(32);
  c.mutable_codec()->set_uplink_bits(32);
  c.mutable_round()->set_over_selection(2);
  c.mutable_round()->set_max_staleness(max_staleness);
  return c;
}

std::vector<ClientId> cohort_of(const Coordinator& c) {
  return {c.cohort().begin(), c.cohort().end()};
}

void deliver(Coordinator& c, const Task& task, float v = 0.01F) {
  REQUIRE(ask<Ack>(c, task.client, update_for(c, task, v)).complete);
}

Coordinator& begin(std::unique_ptr<Coordinator>& c, MemoryJournal& journal) {
  auto made = try_make(config(), 10, {.journal = &journal});
  REQUIRE(made);
  c = std::move(*made);
  return *c;
}

}  // namespace

TEST_CASE("asynchronous: an update of the round before counts in the open one, and less") {
  const auto c = make(config(), 10);
  const auto cohort = cohort_of(*c);
  REQUIRE(cohort.size() == 4);
  std::vector<Task> tasks;
  for (const ClientId who : cohort) tasks.push_back(task_of(*c, who));
  const std::vector<float> before = c->state().params;
  deliver(*c, tasks[0]), deliver(*c, tasks[1]);
  REQUIRE(c->rounds_done() == 1);
  const std::vector<float> between = c->state().params;
  CHECK(between[0] - before[0] == Approx(0.01F));

  deliver(*c, tasks[2], 0.03F);
  CHECK(c->wanted() == 1);
  const auto fresh = cohort_of(*c);
  deliver(*c, task_of(*c, fresh[0]), 0.01F);
  REQUIRE(c->rounds_done() == 2);
  CHECK(c->last_round().aggregated == 2);
  CHECK(c->last_round().stale == 1);
  const double want = (0.03 / std::sqrt(2.0) + 0.01) / 2;
  CHECK(c->state().params[0] - between[0] == Approx(want).epsilon(1e-4));
}

TEST_CASE("asynchronous: an update is counted once, in whatever round it comes again") {
  const auto c = make(config(), 10);
  std::vector<Task> tasks;
  for (const ClientId who : cohort_of(*c)) tasks.push_back(task_of(*c, who));
  for (int i = 0; i < 3; ++i) deliver(*c, tasks[static_cast<std::size_t>(i)]);
  REQUIRE(c->rounds_done() == 1);
  REQUIRE(c->wanted() == 1);
  for (const int i : {0, 2}) deliver(*c, tasks[static_cast<std::size_t>(i)]);  // acknowledged again
  CHECK(c->wanted() == 1);
  CHECK(refused(*c, tasks[2].client, update_for(*c, tasks[2], 0.5F)) == RefusalCode::kConflict);
}

TEST_CASE("asynchronous: a client may send an update of two rounds into one") {
  const auto c = make(config(), 4);
  std::vector<Task> tasks;
  for (const ClientId who : cohort_of(*c)) tasks.push_back(task_of(*c, who));
  deliver(*c, tasks[0]), deliver(*c, tasks[1]);
  deliver(*c, tasks[2]);
  const Task again = task_of(*c, tasks[2].client);
  CHECK(again.round == 2);
  deliver(*c, again);
  CHECK(c->rounds_done() == 2);
}

TEST_CASE("asynchronous: so many clients work at the same time as were asked for") {
  const auto c = make(config(), 10);
  std::map<ClientId, Task> at_work;
  const auto start = [&] {
    for (const ClientId who : cohort_of(*c)) {
      if (at_work.contains(who)) continue;
      auto reply = c->handle(who, CheckIn{}, 1);
      if (auto* task = std::get_if<Task>(&reply.body)) at_work.emplace(who, *task);
    }
  };
  for (int i = 0; i < 12; ++i) {
    start();
    std::erase_if(at_work, [&](const auto& w) { return !c->takes(w.second.round); });  // too old
    CHECK(at_work.size() == 4);
    const auto one = i % 3 == 0 ? std::prev(at_work.end()) : at_work.begin();
    const auto reply = c->handle(one->first, update_for(*c, one->second, 0.01F), 1);
    CHECK(std::holds_alternative<Ack>(reply.body));
    at_work.erase(one);
  }
  CHECK(c->rounds_done() >= 4);
}

TEST_CASE("asynchronous: too old is late, and its client absent") {
  const auto c = make(config(1), 20);
  std::vector<Task> tasks;
  for (const ClientId who : cohort_of(*c)) tasks.push_back(task_of(*c, who));
  deliver(*c, tasks[0]), deliver(*c, tasks[1]);
  CHECK(c->attendance().absent.empty());  // the other two may be at work
  for (int round = 2; round <= 3; ++round) {
    for (std::size_t i = 0; i < 2; ++i) deliver(*c, task_of(*c, cohort_of(*c)[i]));
    REQUIRE(c->rounds_done() == static_cast<std::uint32_t>(round));
  }
  CHECK(c->attendance().absent.contains(tasks[2].client));
  CHECK_FALSE(c->takes(1));
  CHECK(c->takes(3));
  const auto code = refused(*c, tasks[2].client, update_for(*c, tasks[2], 0.01F));
  CHECK((code == RefusalCode::kLate || code == RefusalCode::kWrongRound));
}

TEST_CASE("asynchronous: who checks in again has left its old work and gets new") {
  const auto c = make(config(), 10);
  std::vector<Task> tasks;
  for (const ClientId who : cohort_of(*c)) tasks.push_back(task_of(*c, who));
  deliver(*c, tasks[0]), deliver(*c, tasks[1]);
  CHECK(task_of(*c, tasks[2].client).round == 2);
}

TEST_CASE("asynchronous: models of the last rounds can be loaded, older ones are not kept") {
  const auto c = make(config(10), 30);
  std::vector<Task> tasks;
  for (const ClientId who : cohort_of(*c)) tasks.push_back(task_of(*c, who));
  deliver(*c, tasks[0]), deliver(*c, tasks[1]);
  const FetchModel fetch{tasks[2].run, tasks[2].version, 0};
  CHECK(ask<ModelChunk>(*c, tasks[2].client, fetch).sha256 == tasks[2].model_sha256);
  while (c->rounds_done() < 4) {
    for (std::size_t i = 0; i < 2; ++i) deliver(*c, task_of(*c, cohort_of(*c)[i]));
  }
  CHECK(c->takes(1));  // who has it already may train on
  CHECK(refused(*c, tasks[2].client, fetch) == RefusalCode::kUnknownModel);
}

TEST_CASE("asynchronous: updates of one phase do not count in another") {
  wire::Config with_phases = config();
  with_phases.mutable_quant()->set_weight_bits(8);
  with_phases.mutable_quant()->set_activation_bits(8);
  with_phases.mutable_quant()->set_warmup_rounds(2);
  const auto c = make(with_phases, 10);
  std::vector<Task> tasks;
  for (const ClientId who : cohort_of(*c)) tasks.push_back(task_of(*c, who));
  deliver(*c, tasks[0]), deliver(*c, tasks[1]);
  CHECK_FALSE(c->takes(1));  // round 2 observes
  CHECK(refused(*c, tasks[2].client, update_for(*c, tasks[2], 0.01F)) == RefusalCode::kLate);
}

TEST_CASE("asynchronous: after a crash the same updates count, and the same clients are asked") {
  MemoryJournal kept, lost;
  std::unique_ptr<Coordinator> calm, crashed;
  begin(calm, kept), begin(crashed, lost);
  std::vector<Task> tasks;
  const auto both = [&](const Task& task, float v) {
    deliver(*calm, task, v), deliver(*crashed, task, v);
    REQUIRE(lost.sync());
  };
  const auto crash = [&] {
    crashed.reset();
    lost.lose_unsynced();
    begin(crashed, lost);
    CHECK(cohort_of(*crashed) == cohort_of(*calm));
    CHECK(crashed->wanted() == calm->wanted());
  };
  for (const ClientId who : cohort_of(*calm)) {
    tasks.push_back(task_of(*calm, who));
    (void)task_of(*crashed, who);
  }
  both(tasks[0], 0.01F), both(tasks[1], 0.02F);
  crash();
  both(tasks[3], 0.05F);  // of round 1, in round 2
  crash();
  deliver(*crashed, tasks[3], 0.05F);  // its acknowledgement was lost
  CHECK(crashed->wanted() == calm->wanted());
  CHECK(refused(*crashed, tasks[3].client, update_for(*crashed, tasks[3], 0.5F)) ==
        RefusalCode::kConflict);
  const Task fresh = task_of(*calm, cohort_of(*calm)[0]);
  both(fresh, 0.01F);
  REQUIRE(calm->rounds_done() == 2);
  crash();
  both(tasks[2], -0.03F);  // of round 1, in round 3
  both(task_of(*calm, cohort_of(*calm)[1]), 0.01F);
  REQUIRE(crashed->rounds_done() == 3);
  CHECK(crashed->state().params == calm->state().params);
  CHECK(crashed->last_round().stale == 1);
}
