#include "coordinator/service.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <set>

#include "common/wire/broadcast.h"
#include "tests/support/coordinator_play.h"

using namespace fedqat;

TEST_CASE("service: a run goes from warm-up to integers and ends") {
  auto c = make();
  REQUIRE(c->cohort().size() == 2);
  finish_round(*c);
  REQUIRE(c->rounds_done() == 1);
  REQUIRE(c->last_round().phase == Phase::kWarmup);
  REQUIRE_FALSE(c->state().quantized);
  finish_round(*c);
  REQUIRE(c->last_round().phase == Phase::kObserve);
  REQUIRE(c->state().quantized);
  finish_round(*c);
  REQUIRE(c->last_round().aggregated == 2);
  REQUIRE(c->status() == Coordinator::Status::kFinished);
  REQUIRE(refused(*c, 0, CheckIn{}) == RefusalCode::kFinished);
}

TEST_CASE("service: the mean of the updates moves the model, by samples") {
  auto c = make();
  const auto before = c->state().params;
  const std::vector<ClientId> cohort(c->cohort().begin(), c->cohort().end());
  const Task a = task_of(*c, cohort[0]), b = task_of(*c, cohort[1]);
  ask<Ack>(*c, cohort[0], update_for(*c, a, 1, 10));
  ask<Ack>(*c, cohort[1], update_for(*c, b, 2, 30));
  const ParamTensor& weight = c->graph().params[0];
  REQUIRE(c->state().params[weight.offset] == before[weight.offset] + 1.75F);
}

TEST_CASE("service: clients that claim many samples cannot crowd out the others") {
  auto config = some_config();
  config.mutable_round()->set_clients(4);
  config.mutable_round()->set_max_samples(1000);
  auto c = make(config);
  const std::vector<ClientId> cohort(c->cohort().begin(), c->cohort().end());
  const std::uint32_t claims[] = {kMaxSamples, kMaxSamples - 1, 1001};
  for (std::size_t i = 0; i < 3; ++i) {
    const Task task = task_of(*c, cohort[i]);
    REQUIRE(refused(*c, cohort[i], update_for(*c, task, 0.5F, claims[i])) ==
            RefusalCode::kInvalidUpdate);
  }
  for (const ClientId who : cohort) {
    REQUIRE(ask<Ack>(*c, who, update_for(*c, task_of(*c, who), 0.5F, 1000)).complete);
  }
  REQUIRE(c->rounds_done() == 1);
}

TEST_CASE("service: histograms count the observed samples' values, or the update is refused") {
  auto config = some_config();
  config.mutable_quant()->set_calibration_samples(8);
  const std::uint32_t samples = GENERATE(5U, 8U, 30U);
  CAPTURE(samples);
  auto c = make(config);
  finish_round(*c);
  const ClientId who = c->cohort()[0];
  const Task task = task_of(*c, who);
  REQUIRE(task.phase == Phase::kObserve);
  const UploadUpdate good = update_for(*c, task, 0.01F, samples);
  const auto refuses = [&](auto change) {
    return refused(*c, who, with_stats(good, change)) == RefusalCode::kInvalidUpdate;
  };
  std::size_t some = 0;  // the last step that requantizes
  for (std::size_t s = 0; s < c->graph().steps.size(); ++s) {
    const bool requantizes = c->graph().steps[s].requantizes();
    if (requantizes) some = s;
    REQUIRE(refuses([&](UpdateStats& stats) { stats.histograms[s].positive[255] += 1; }));
    if (requantizes) REQUIRE(refuses([&](UpdateStats& stats) { stats.histograms[s] = {}; }));
  }
  REQUIRE(refuses([&](UpdateStats& stats) { stats.histograms[some].zeros = kMaxBinCount; }));
  REQUIRE(ask<Ack>(*c, who, good).complete);
}

TEST_CASE("service: a config whose samples could overflow the sum is refused") {
  auto config = some_config();
  config.mutable_round()->set_max_samples(kMaxSamples - 1);
  REQUIRE(try_make(config));
  config.mutable_round()->set_max_samples(kMaxSamples);
  const auto c = try_make(config);
  REQUIRE_FALSE(c);
  REQUIRE(c.error().code == Errc::kInvalid);
  REQUIRE_THAT(c.error().what, Catch::Contains("round.max_samples to 16777215 or less"));
}

TEST_CASE("service: without round.max_samples a round of any size takes what its sum admits") {
  auto config = some_config();
  const auto few = try_make(config);
  REQUIRE(few);
  REQUIRE((*few)->max_samples() == 100000);
  config.mutable_round()->set_clients(1000);
  const auto many = try_make(config, 1000);
  REQUIRE(many);
  REQUIRE((*many)->max_samples() == 33554);
}

TEST_CASE("service: a repeated upload gets the same answer and counts once, also after the round") {
  auto c = make();
  const std::vector<ClientId> cohort(c->cohort().begin(), c->cohort().end());
  const Task a = task_of(*c, cohort[0]), b = task_of(*c, cohort[1]);
  const UploadUpdate update = update_for(*c, a, 0.5F);
  const auto first = ask<Ack>(*c, cohort[0], update);
  REQUIRE(ask<Ack>(*c, cohort[0], update, 2) == first);
  REQUIRE(c->rounds_done() == 0);
  REQUIRE(refused(*c, cohort[0], update_for(*c, a, 0.25F)) == RefusalCode::kConflict);
  ask<Ack>(*c, cohort[1], update_for(*c, b, 0.5F));
  REQUIRE(c->rounds_done() == 1);
  const auto params = c->state().params;
  REQUIRE(ask<Ack>(*c, cohort[0], update, 3) == first);
  REQUIRE(c->state().params == params);
}

TEST_CASE(
    "service: updates with a wrong tag, shape, value or hash are refused and change nothing") {
  auto c = make();
  const ClientId who = c->cohort()[0];
  const Task task = task_of(*c, who);
  const UploadUpdate good = update_for(*c, task, 0.5F);
  const auto refusal_of = [&](auto change) {
    UploadUpdate u = good;
    change(u);
    return refused(*c, who, u);
  };
  REQUIRE(refusal_of([](auto& u) { ++u.run; }) == RefusalCode::kWrongRun);
  REQUIRE(refusal_of([](auto& u) { ++u.round; }) == RefusalCode::kWrongRound);
  REQUIRE(refusal_of([](auto& u) { ++u.version; }) == RefusalCode::kWrongVersion);
  REQUIRE(refusal_of([](auto& u) { u.digest[0] ^= std::byte{1}; }) == RefusalCode::kInvalidUpdate);
  REQUIRE(refusal_of([](auto& u) {
            u.data = Bytes(u.data.begin(), u.data.end() - 1);
            --u.payload_size;
          }) == RefusalCode::kInvalidUpdate);
  REQUIRE(refusal_of([](auto& u) {
            Bytes nan(u.data.begin(), u.data.end());
            std::fill_n(nan.begin(), 4, std::byte{0xFF});
            u.data = nan;
            u.digest = update_digest(u.data, u.stats);
          }) == RefusalCode::kInvalidUpdate);
  REQUIRE(refusal_of([](auto& u) {
            u.stats = {std::byte{0xFF}};
            u.digest = update_digest(u.data, u.stats);
          }) == RefusalCode::kInvalidUpdate);
  REQUIRE(refused(*c, (who + 1) % kClients, good) == RefusalCode::kNotInvited);
  REQUIRE(ask<Ack>(*c, who, good).complete);
}

TEST_CASE("service: the deadline commits a quorum and calls for more without one") {
  auto c = make();
  const std::vector<ClientId> cohort(c->cohort().begin(), c->cohort().end());
  const Task task = task_of(*c, cohort[0]);
  c->tick(c->deadline_ms());
  REQUIRE(c->attempt() == 2);
  REQUIRE(c->cohort().size() == 4);
  ask<Ack>(*c, cohort[0], update_for(*c, task, 0.5F), 10001);
  const std::int64_t deadline = c->deadline_ms();
  REQUIRE(deadline == 20000);
  c->tick(deadline);  // half of two clients suffices
  REQUIRE(c->rounds_done() == 1);
  REQUIRE(c->last_round().attempts == 2);
  REQUIRE(c->last_round().aggregated == 1);
}

TEST_CASE("service: shares are taken as they are written") {
  auto config = some_config();
  config.mutable_round()->set_clients(100);
  config.mutable_round()->set_quorum(0.55);  // 0.55 * 100 > 55 in binary
  config.mutable_round()->set_over_selection(1.1);
  auto c = make(config, 200);
  REQUIRE(c->cohort().size() == 110);
  const std::vector<ClientId> cohort(c->cohort().begin(), c->cohort().end());
  for (std::size_t i = 0; i < 55; ++i) {
    ask<Ack>(*c, cohort[i], update_for(*c, task_of(*c, cohort[i]), 0.01F));
  }
  c->tick(c->deadline_ms());
  REQUIRE(c->rounds_done() == 1);
}

TEST_CASE("service: a run without clients fails and says what to do") {
  auto c = make();
  while (c->status() == Coordinator::Status::kRunning) c->tick(c->deadline_ms());
  REQUIRE(c->status() == Coordinator::Status::kFailed);
  REQUIRE_THAT(c->failure(), Catch::Contains("round 1") && Catch::Contains("round.quorum"));
  REQUIRE(refused(*c, 0, CheckIn{}, c->deadline_ms()) == RefusalCode::kFinished);
}

TEST_CASE("service: the model is served in chunks and checks out") {
  auto c = make();
  const Task task = task_of(*c, c->cohort()[0]);
  const auto chunk = ask<ModelChunk>(*c, 0, FetchModel{task.run, task.version, 0});
  REQUIRE(sha256(chunk.data) == task.model_sha256);
  CHECK(c->model_sha256() == task.model_sha256);
  REQUIRE(decode_broadcast(c->graph(), chunk.data));
  REQUIRE(refused(*c, 0, FetchModel{task.run, 5, 0}) == RefusalCode::kUnknownModel);
  REQUIRE(refused(*c, 0, FetchModel{task.run, task.version, 1}) == RefusalCode::kUnknownModel);
  REQUIRE(ask<NetworkSpec>(*c, 0, FetchNetwork{task.run}).model.name == "softmax");
}

TEST_CASE("service: any bytes get a reply") {
  auto c = make();
  Rng rng({.seed = 31});
  const ClientId who = c->cohort()[0];
  const Bytes good = encode_request(update_for(*c, task_of(*c, who), 0.5F));
  for (int i = 0; i < 3000; ++i) {
    Bytes bytes = good;
    for (int k = 0; k < 3; ++k) {
      bytes[rng.below(static_cast<std::uint32_t>(bytes.size()))] = std::byte(rng.next_u32() & 255);
    }
    if (rng.below(5) == 0) bytes.resize(rng.below(static_cast<std::uint32_t>(bytes.size())));
    REQUIRE(decode_reply(c->handle(who, bytes, 1)));
  }
  REQUIRE(refused(*c, who, CheckIn{99}) == RefusalCode::kProtocol);
}

TEST_CASE("service: the config's hash leaves out what cannot change the result") {
  auto a = some_config(), b = some_config();
  b.mutable_sim()->set_threads(7);
  b.mutable_data()->set_dir("/elsewhere");
  REQUIRE(config_hash(a) == config_hash(b));
  b.mutable_run()->set_seed(5);
  REQUIRE(config_hash(a) != config_hash(b));
}

TEST_CASE("service: a client whose updates are invalid is quarantined, and not asked again") {
  auto c = make();
  const ClientId who = c->cohort()[0];
  UploadUpdate bad = update_for(*c, task_of(*c, who), 0.5F);
  bad.digest[0] ^= std::byte{1};
  for (int i = 0; i < 3; ++i) {
    REQUIRE(ask<Refusal>(*c, who, bad).code == RefusalCode::kInvalidUpdate);
  }
  REQUIRE(ask<Refusal>(*c, who, bad).code == RefusalCode::kQuarantined);
  REQUIRE(ask<Refusal>(*c, who, CheckIn{}).code == RefusalCode::kQuarantined);
  c->tick(c->deadline_ms());
  for (const ClientId other : c->cohort()) REQUIRE(other != who);
  c->release(who);
  REQUIRE(ask<Task>(*c, who, CheckIn{}).round == 1);
}

TEST_CASE("service: who did not deliver is not counted on until it is heard of") {
  auto config = some_config();
  config.mutable_round()->set_over_selection(2);
  auto c = make(config);
  const std::vector<ClientId> cohort(c->cohort().begin(), c->cohort().end());
  REQUIRE(cohort.size() == 4);
  for (const ClientId who : {cohort[0], cohort[1]}) {
    ask<Ack>(*c, who, update_for(*c, task_of(*c, who), 0.01F));
  }
  REQUIRE(c->rounds_done() == 1);
  const std::set<ClientId> absent = {cohort[2], cohort[3]};
  REQUIRE(c->attendance().absent == absent);
  for (const ClientId who : c->cohort()) REQUIRE_FALSE(absent.contains(who));
  (void)c->handle(cohort[2], encode_request(CheckIn{}), 2);
  REQUIRE(c->attendance().absent == std::set<ClientId>{cohort[3]});
}

TEST_CASE("service: an update whose norm is above round.max_update_norm is refused") {
  auto config = some_config();
  config.mutable_round()->set_max_update_norm(1);
  auto c = make(config);
  const ClientId who = c->cohort()[0];
  const Task task = task_of(*c, who);
  const float most = 1 / std::sqrt(static_cast<float>(c->graph().weight_count));
  REQUIRE(refused(*c, who, update_for(*c, task, 1.1F * most)) == RefusalCode::kInvalidUpdate);
  REQUIRE(ask<Ack>(*c, who, update_for(*c, task, 0.9F * most)).complete);
}

TEST_CASE("service: who comes back takes the place of a client that is still absent") {
  auto config = some_config();
  config.mutable_run()->set_rounds(5);
  config.mutable_round()->set_over_selection(2);
  auto made = try_make(config, 5);
  REQUIRE(made);
  Coordinator& c = **made;
  const std::vector<ClientId> first(c.cohort().begin(), c.cohort().end());
  REQUIRE(first.size() == 4);
  for (const ClientId who : {first[0], first[1]}) {
    ask<Ack>(c, who, update_for(c, task_of(c, who), 0.01F));
  }
  // Of the four of the next round one is absent.
  const std::set<ClientId> absent = c.attendance().absent;
  REQUIRE(absent == std::set<ClientId>{first[2], first[3]});
  const std::vector<ClientId> second(c.cohort().begin(), c.cohort().end());
  const auto chosen = [&](ClientId who) {
    return std::find(second.begin(), second.end(), who) != second.end();
  };
  const ClientId dead = chosen(first[2]) ? first[2] : first[3];
  const ClientId back = chosen(first[2]) ? first[3] : first[2];
  REQUIRE(chosen(dead));
  REQUIRE_FALSE(chosen(back));
  REQUIRE(ask<Task>(c, back, CheckIn{}).round == 2);
  REQUIRE(c.cohort().size() == 5);
  // It was invited too, so its work still counts.
  REQUIRE(ask<Ack>(c, dead, update_for(c, task_of(c, dead), 0.01F)).complete);
  REQUIRE(ask<Ack>(c, back, update_for(c, task_of(c, back), 0.01F)).complete);
  REQUIRE(c.rounds_done() == 2);
}
