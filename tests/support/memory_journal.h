// A Journal in memory whose process may die: what sync() returned for stays, the rest is lost.
#pragma once

#include <map>
#include <set>
#include <utility>

#include "coordinator/journal.h"

namespace fedqat {

class MemoryJournal final : public Journal {
 public:
  // What a new process would find.
  void lose_unsynced() { now_ = durable_; }

  Result<std::optional<Recovered>> load() override {
    if (!now_.checkpoint) return std::optional<Recovered>();
    const auto& invited = now_.invited;
    return std::optional(
        Recovered{*now_.checkpoint, now_.attempt, {invited.begin(), invited.end()}});
  }
  Result<void> replay(const std::function<Result<void>(AcceptedUpdate&&)>& each) override {
    for (const auto& [place, update] : now_.updates) {
      if (auto ok = each(AcceptedUpdate(update)); !ok) return ok;
    }
    return {};
  }
  Result<void> add(const AcceptedUpdate& update) override {
    if (full) return Error{Errc::kUnavailable, "no space"};
    FEDQAT_CHECK(update.round <= now_.checkpoint->rounds_done + 1);
    FEDQAT_CHECK(now_.updates.emplace(std::pair(update.round, update.client), update).second);
    return {};
  }
  Result<void> add_attempt(std::uint32_t, std::uint32_t attempt) override {
    now_.attempt = attempt;
    return {};
  }
  Result<void> add_invited(std::uint32_t, std::uint32_t client) override {
    now_.invited.insert(client);
    return {};
  }
  Result<void> commit_round(const Checkpoint& checkpoint) override {
    now_.checkpoint = checkpoint;
    now_.attempt = 1;
    now_.updates.clear();
    now_.invited.clear();
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
    std::set<std::uint32_t> invited;
    std::map<std::pair<std::uint32_t, std::uint32_t>, AcceptedUpdate> updates;  // round, client
  };
  State now_, durable_;
};

}  // namespace fedqat
