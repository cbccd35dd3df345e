// Playing clients against a Coordinator without training.
#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <vector>

#include "common/codec/update_codec.h"
#include "common/wire/model_config.h"
#include "coordinator/service.h"

namespace fedqat {

inline constexpr std::uint32_t kClients = 6;

inline wire::Config some_config() {
  wire::Config c;
  c.mutable_run()->set_rounds(3);
  c.mutable_model()->set_name("softmax");
  c.mutable_quant()->set_warmup_rounds(2);
  c.mutable_round()->set_clients(2);
  c.mutable_round()->set_deadline_s(10);
  return c;
}

inline Result<std::unique_ptr<Coordinator>> try_make(const wire::Config& config,
                                                     std::uint32_t clients = kClients,
                                                     Surroundings surroundings = {}) {
  const auto network = network_from_config(config, {4, 4, 1}, 3, {1.0F / 255, 0});
  REQUIRE(network);
  return Coordinator::make(config, *network, clients, 0, std::move(surroundings));
}

inline std::unique_ptr<Coordinator> make(const wire::Config& config = some_config(),
                                         std::uint32_t clients = kClients) {
  auto c = try_make(config, clients);
  REQUIRE(c);
  return std::move(*c);
}

template <class T>
T ask(Coordinator& c, ClientId who, const Request& request, std::int64_t now = 1) {
  const auto reply = decode_reply(c.handle(who, encode_request(request), now));
  REQUIRE(reply);
  if (const auto* refusal = std::get_if<Refusal>(&reply->body)) UNSCOPED_INFO(refusal->text);
  REQUIRE(std::holds_alternative<T>(reply->body));
  return std::get<T>(reply->body);
}

// Without the quarantine that follows some of them.
inline RefusalCode refused(Coordinator& c, ClientId who, const Request& request,
                           std::int64_t now = 1) {
  const RefusalCode code = ask<Refusal>(c, who, request, now).code;
  c.release(who);
  return code;
}

// An update of the task that moves every value by v.
inline UploadUpdate update_for(const Coordinator& c, const Task& task, float v,
                               std::uint32_t samples = 10) {
  UpdateGrid grid;
  for (std::size_t t = 0; t < task.grid.size(); ++t) {
    const GridSpec& g = task.grid[t];
    grid.push_back({c.graph().params[t].size, g.bits, g.step, g.codec, g.share});
  }
  const std::vector<float> delta(c.graph().param_count, v);
  auto encoded = encode_update(grid, delta, Rng({.seed = 1, .client = task.client}));
  REQUIRE(encoded);
  UpdateStats stats{samples, samples, 0, encoded->clipped, encoded->max_abs, {}};
  if (task.training.calibration_samples > 0) stats.histograms.resize(c.graph().steps.size());
  const std::uint32_t observed = std::min(samples, task.training.calibration_samples);
  for (std::size_t s = 0; s < stats.histograms.size(); ++s) {
    const Step& step = c.graph().steps[s];
    std::vector<float> values(step.requantizes() ? observed * step.out.size() : 0, 0.5F);
    if (!values.empty()) values.back() = -1;
    stats.histograms[s].add(values);
  }
  UploadUpdate u{task.run, task.round,       task.version,       {}, encoded->payload.size(),
                 0,        encoded->payload, encode_stats(stats)};
  u.digest = update_digest(u.data, u.stats);
  return u;
}

// The update with other statistics.
template <class Change>
UploadUpdate with_stats(UploadUpdate u, Change change) {
  auto stats = decode_stats(u.stats);
  REQUIRE(stats);
  change(*stats);
  u.stats = encode_stats(*stats);
  u.digest = update_digest(u.data, u.stats);
  return u;
}

inline Task task_of(Coordinator& c, ClientId who, std::int64_t now = 1) {
  return ask<Task>(c, who, CheckIn{}, now);
}

inline void finish_round(Coordinator& c) {
  const std::vector<ClientId> cohort(c.cohort().begin(), c.cohort().end());
  for (const ClientId who : cohort) {
    const Task task = task_of(c, who);
    REQUIRE(ask<Ack>(c, who, update_for(c, task, 0.01F)).complete);
  }
}

}  // namespace fedqat
