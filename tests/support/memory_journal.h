// A Journal in memory whose process may die: what sync() returned for stays, the rest is lost.
#pragma once

#include <map>

#include "coordinator/journal.h"

namespace fedqat {

class MemoryJournal final : public Journal {
 public:
  // What a new process would find.
  void lose_unsynced() { now_ = durable_; }

  Result<std::optional<Recovered>> load() override {
    if (!now_.checkpoint) return std::optional<Recovered>();
    Recovered r{*now_.checkpoint, now_.attempt, {}};
    for (const auto& [client, sha256] : now_.previous) r.previous.push_back({client, sha256});
    return std::optional<Recovered>(std::move(r));
  }
  Result<void> replay(std::uint32_t round,
                      const std::function<Result<void>(AcceptedUpdate&&)>& each) override {
    FEDQAT_CHECK(round == now_.checkpoint->rounds_done + 1);
    for (const auto& [client, update] : now_.updates) {
      if (auto ok = each(AcceptedUpdate(update)); !ok) return ok;
    }
    return {};
  }
  Result<void> add(const AcceptedUpdate& update) override {
    if (full) return Error{Errc::kUnavailable, "no space"};
    FEDQAT_CHECK(now_.updates.emplace(update.client, update).second);
    return {};
  }
  Result<void> add_attempt(std::uint32_t, std::uint32_t attempt) override {
    now_.attempt = attempt;
    return {};
  }
  Result<void> commit_round(const Checkpoint& checkpoint) override {
    now_.checkpoint = checkpoint;
    now_.attempt = 1;
    now_.previous.clear();
    for (const auto& [client, update] : now_.updates) now_.previous[client] = update.sha256;
    now_.updates.clear();
    return {};
  }
  Result<void> sync() override {
    durable_ = now_;
    return {};
  }
  bool dirty() const override { return true; }

  bool full = false;

 private:
  struct State {
    std::optional<Checkpoint> checkpoint;
    std::uint32_t attempt = 1;
    std::map<std::uint32_t, AcceptedUpdate> updates;
    std::map<std::uint32_t, Digest> previous;
  };
  State now_, durable_;
};

}  // namespace fedqat
