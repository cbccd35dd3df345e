// A journal that keeps closed rounds and forgets the open one: for those who would rather repeat a
// round than write every update to the disk.
#pragma once

#include <memory>
#include <utility>

#include "coordinator/journal.h"

namespace fedqat {

class RoundsJournal final : public Journal {
 public:
  explicit RoundsJournal(std::unique_ptr<Journal> journal) : journal_(std::move(journal)) {}

  Result<std::optional<Recovered>> load() override { return journal_->load(); }
  Result<void> replay(const std::function<Result<void>(AcceptedUpdate&&)>& each) override {
    return journal_->replay(each);
  }
  Result<void> add(const AcceptedUpdate&) override { return {}; }
  Result<void> add_attempt(std::uint32_t, std::uint32_t) override { return {}; }
  Result<void> add_invited(std::uint32_t, std::uint32_t) override { return {}; }
  Result<void> commit_round(const Checkpoint& checkpoint) override {
    return journal_->commit_round(checkpoint);
  }
  Result<void> sync() override { return journal_->sync(); }
  bool dirty() const override { return journal_->dirty(); }

 private:
  std::unique_ptr<Journal> journal_;
};

}  // namespace fedqat
