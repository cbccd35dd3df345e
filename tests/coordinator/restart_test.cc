#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/support/coordinator_play.h"
#include "tests/support/memory_journal.h"

using namespace fedqat;

namespace {

wire::Config all_clients() {
  auto config = some_config();
  config.mutable_run()->set_rounds(5);
  config.mutable_round()->set_clients(kClients);
  config.mutable_server()->set_strategy("fedadam");
  return config;
}

// Plays a whole run whose coordinator dies with the given probability after each request, before or
// after it was synced; clients repeat what was not acknowledged. Returns the final parameters.
std::vector<float> play(std::uint64_t seed, double death,
                        const wire::Config& config = all_clients()) {
  Rng rng({.seed = seed});
  MemoryJournal journal;
  const auto start = [&] {
    auto made = try_make(config, kClients, {&journal});
    if (!made) FAIL(made.error().what);
    REQUIRE(journal.sync());
    return std::move(*made);
  };
  auto c = start();
  while (c->status() == Coordinator::Status::kRunning) {
    const ClientId who = rng.below(kClients);
    auto reply = decode_reply(c->handle(who, encode_request(CheckIn{}), 1));
    REQUIRE(reply);
    const auto* task = std::get_if<Task>(&reply->body);
    if (task == nullptr) continue;
    const UploadUpdate update =
        update_for(*c, *task, 0.01F * static_cast<float>(who + task->round), 10 + who);
    for (int times = 0; times < 2; ++times) {
      (void)c->handle(who, encode_request(update), 1);
      if (rng.uniform_double() < death) {
        journal.lose_unsynced();
        c = start();
      } else {
        REQUIRE(journal.sync());
      }
    }
  }
  REQUIRE(c->status() == Coordinator::Status::kFinished);
  return c->state().params;
}

}  // namespace

TEST_CASE("restart: a coordinator that dies at any request ends in the same model") {
  const std::vector<float> undisturbed = play(1, 0);
  REQUIRE(play(2, 0) == undisturbed);
  for (std::uint64_t seed = 3; seed < 40; ++seed) {
    CAPTURE(seed);
    REQUIRE(play(seed, 0.3) == undisturbed);
  }
}

TEST_CASE("restart: what clients hold is the same after any death") {
  auto config = all_clients();
  config.mutable_model()->set_name("mlp-64");
  const std::vector<float> whole = play(1, 0, config);
  config.mutable_codec()->set_downlink("difference");
  config.mutable_codec()->set_downlink_bits(2);
  const std::vector<float> undisturbed = play(1, 0, config);
  REQUIRE(undisturbed != whole);
  for (std::uint64_t seed = 3; seed < 15; ++seed) {
    CAPTURE(seed);
    REQUIRE(play(seed, 0.3, config) == undisturbed);
  }
}

TEST_CASE("restart: inside a round nothing that was synced is asked for again") {
  MemoryJournal journal;
  auto c = std::move(*try_make(all_clients(), kClients, {&journal}));
  const UploadUpdate update = update_for(*c, task_of(*c, 3), 0.5F);
  REQUIRE(ask<Ack>(*c, 3, update).complete);
  REQUIRE(journal.sync());
  const std::uint32_t wanted = c->wanted();
  c = std::move(*try_make(all_clients(), kClients, {&journal}));
  REQUIRE(c->wanted() == wanted);
  ask<RetryLater>(*c, 3, CheckIn{});
  REQUIRE(ask<Ack>(*c, 3, update).complete);
  REQUIRE(c->wanted() == wanted);
  REQUIRE(refused(*c, 3, update_for(*c, task_of(*c, 4), 0.25F)) == RefusalCode::kConflict);
}

TEST_CASE("restart: after a round was closed its acknowledgements are repeated") {
  MemoryJournal journal;
  auto c = std::move(*try_make(all_clients(), kClients, {&journal}));
  std::vector<UploadUpdate> updates;
  for (ClientId who = 0; who < kClients; ++who) {
    updates.push_back(update_for(*c, task_of(*c, who), 0.01F));
    REQUIRE(ask<Ack>(*c, who, updates.back()).complete);
  }
  REQUIRE(journal.sync());
  c = std::move(*try_make(all_clients(), kClients, {&journal}));
  REQUIRE(c->rounds_done() == 1);
  REQUIRE(c->last_round().aggregated == kClients);
  for (ClientId who = 0; who < kClients; ++who) {
    REQUIRE(ask<Ack>(*c, who, updates[who]).complete);
  }
  REQUIRE(c->wanted() == kClients);
}

TEST_CASE("restart: who was too late for a round is told so, before and after") {
  MemoryJournal journal;
  auto config = all_clients();
  config.mutable_round()->set_clients(kClients - 1);
  config.mutable_round()->set_over_selection(2);
  auto c = std::move(*try_make(config, kClients, {.journal = &journal}));
  const UploadUpdate late = update_for(*c, task_of(*c, 0), 0.5F);
  for (ClientId who = 1; who < kClients; ++who) {
    REQUIRE(ask<Ack>(*c, who, update_for(*c, task_of(*c, who), 0.01F)).complete);
  }
  REQUIRE(c->rounds_done() == 1);
  REQUIRE(refused(*c, 0, late) == RefusalCode::kLate);
  REQUIRE(journal.sync());
  c = std::move(*try_make(config, kClients, {.journal = &journal}));
  REQUIRE(refused(*c, 0, late) == RefusalCode::kLate);
}

TEST_CASE("restart: who was invited in a later attempt stays so, whoever came and went before it") {
  for (std::uint64_t seed = 1; seed < 30; ++seed) {
    CAPTURE(seed);
    MemoryJournal journal;
    auto config = some_config();
    config.mutable_run()->set_seed(seed);
    config.mutable_round()->set_clients(2);
    config.mutable_round()->set_quorum(1);
    auto c = std::move(*try_make(config, kClients - 1, {.journal = &journal}));
    const ClientId revoked = c->cohort()[0];
    c->admit_clients(kClients);
    c->bar(revoked);
    c->tick(c->deadline_ms());
    REQUIRE(c->attempt() == 2);
    const std::vector<ClientId> invited(c->cohort().begin(), c->cohort().end());
    REQUIRE(journal.sync());
    c = std::move(*try_make(config, kClients, {.journal = &journal}));
    c->bar(revoked);
    for (const ClientId who : invited) {
      if (c->status() == Coordinator::Status::kRunning && c->rounds_done() == 0) {
        CAPTURE(who);
        REQUIRE(ask<Task>(*c, who, CheckIn{}).round == 1);
      }
    }
  }
}

TEST_CASE("restart: a substitute that was told to train before it may deliver after it") {
  auto config = some_config();
  config.mutable_run()->set_rounds(5);
  config.mutable_round()->set_over_selection(2);
  config.mutable_round()->set_quorum(0.5);
  MemoryJournal journal;
  auto c = std::move(*try_make(config, kClients, {.journal = &journal}));
  const ClientId alive = c->cohort()[0];
  ask<Ack>(*c, alive, update_for(*c, task_of(*c, alive), 0.01F));
  c->tick(c->deadline_ms());
  REQUIRE(c->rounds_done() == 1);
  REQUIRE(c->attendance().absent.size() == 3);  // one of them in the next cohort of four
  std::vector<ClientId> others;
  for (const ClientId who : c->attendance().absent) {
    if (std::count(c->cohort().begin(), c->cohort().end(), who) == 0) others.push_back(who);
  }
  REQUIRE(others.size() == 2);
  const UploadUpdate update = update_for(*c, ask<Task>(*c, others[0], CheckIn{}), 0.01F);
  REQUIRE(journal.sync());
  c = std::move(*try_make(config, kClients, {.journal = &journal}));
  REQUIRE(ask<Ack>(*c, others[0], update).complete);
  REQUIRE(journal.sync());
  c = std::move(*try_make(config, kClients, {.journal = &journal}));
  REQUIRE(c->wanted() == 1);
  REQUIRE(ask<Ack>(*c, others[0], update).complete);
  REQUIRE(c->wanted() == 1);
}

TEST_CASE("restart: a finished run stays finished; another config is refused with a remedy") {
  MemoryJournal journal;
  auto config = some_config();
  config.mutable_run()->set_rounds(3);
  auto c = std::move(*try_make(config, kClients, {&journal}));
  while (c->status() == Coordinator::Status::kRunning) finish_round(*c);
  REQUIRE(journal.sync());
  const auto params = c->state().params;
  c = std::move(*try_make(config, kClients, {&journal}));
  REQUIRE(c->status() == Coordinator::Status::kFinished);
  REQUIRE(c->state().params == params);
  REQUIRE(refused(*c, 0, CheckIn{}) == RefusalCode::kFinished);
  config.mutable_run()->set_seed(2);
  const auto other = try_make(config, kClients, {&journal});
  REQUIRE_FALSE(other);
  REQUIRE_THAT(other.error().what, Catch::Contains("another config"));
}

TEST_CASE("restart: without space an update is not acknowledged, and later it is") {
  MemoryJournal journal;
  auto c = std::move(*try_make(all_clients(), kClients, {&journal}));
  const UploadUpdate update = update_for(*c, task_of(*c, 1), 0.5F);
  journal.full = true;
  REQUIRE(ask<Refusal>(*c, 1, update).code == RefusalCode::kBusy);
  REQUIRE(c->wanted() == kClients);
  journal.full = false;
  REQUIRE(ask<Ack>(*c, 1, update).complete);
  REQUIRE(c->wanted() == kClients - 1);
}

TEST_CASE("restart: a checkpoint of another phase is refused") {
  MemoryJournal journal;
  auto config = some_config();
  auto c = std::move(*try_make(config, kClients, {&journal}));
  finish_round(*c);
  auto recovered = journal.load();
  REQUIRE(recovered);
  auto state = decode_run_state((*recovered)->checkpoint.state);
  REQUIRE(state);
  state->model.quantized = !state->model.quantized;
  (*recovered)->checkpoint.state = encode_run_state(*state);
  REQUIRE(journal.commit_round((*recovered)->checkpoint));
  const auto again = try_make(config, kClients, {&journal});
  REQUIRE_FALSE(again);
  REQUIRE_THAT(again.error().what, Catch::Contains("quant.warmup_rounds"));
}

TEST_CASE("restart: any bytes in place of a checkpoint are refused") {
  RunState state;
  state.model.params = {1, 2, 3};
  const Bytes good = encode_run_state(state);
  REQUIRE(decode_run_state(good));
  for (std::size_t i = 0; i < good.size(); ++i) {
    Bytes bad = good;
    bad[i] ^= std::byte{4};
    REQUIRE_FALSE(decode_run_state(bad));
    REQUIRE_FALSE(decode_run_state(ByteView(good).first(i)));
  }
}
