#include "tests/dst/undisturbed.h"

#include <map>
#include <mutex>

#include "common/base/check.h"
#include "coordinator/service.h"
#include "tests/dst/updates.h"

namespace fedqat::dst {
namespace {

Digest play(const Plan& plan) {
  auto made = Coordinator::make(plan.config, plan.network, plan.clients, 0);
  FEDQAT_CHECK(made);
  Coordinator& c = **made;
  std::map<ClientId, std::vector<float>> left_out;
  while (c.status() == Coordinator::Status::kRunning) {
    const std::vector<ClientId> cohort(c.cohort().begin(), c.cohort().end());
    for (const ClientId who : cohort) {
      const Reply task = c.handle(who, CheckIn{}, 1);
      const SealedUpdate update =
          pseudo_update(c.graph(), std::get<Task>(task.body), left_out[who]);
      const Reply ack = c.handle(who, in_one_piece(update), 1);
      FEDQAT_CHECK(std::get<Ack>(ack.body).complete);
      if (!update.memory.empty()) left_out[who] = update.memory;
    }
  }
  FEDQAT_CHECK(c.status() == Coordinator::Status::kFinished);
  return model_digest(c.state());
}

}  // namespace

Digest model_digest(const ModelState& model) {
  Sha256 hash;
  hash.update(std::as_bytes(std::span(model.params)));
  hash.update(std::as_bytes(std::span(model.zero_points)));
  return std::move(hash).finish();
}

Digest undisturbed_model(const Plan& plan) {
  static std::mutex mutex;
  static std::map<std::string, Digest> known;
  const std::string key = plan.config.SerializeAsString() + ":" + std::to_string(plan.clients) +
                          ":" + std::to_string(plan.side);
  {
    const std::scoped_lock lock(mutex);
    if (const auto found = known.find(key); found != known.end()) return found->second;
  }
  const Digest model = play(plan);
  const std::scoped_lock lock(mutex);
  known[key] = model;
  return model;
}

}  // namespace fedqat::dst
