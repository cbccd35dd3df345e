#include "common/net/memory_budget.h"

#include <utility>

#include "common/base/check.h"

namespace fedqat {

MemoryBudget::MemoryBudget(std::size_t limit) : limit_(limit) {
  lines_[0].limit = limit / 8;
  lines_[1].limit = limit - limit / 8;
}

bool MemoryBudget::acquire(std::size_t bytes, Granted granted) {
  const std::scoped_lock lock(mutex_);
  Line& l = line(bytes);
  FEDQAT_CHECK(bytes <= l.limit);
  if (l.waiting.empty() && fits(l, bytes)) {
    l.used += bytes;
    return true;
  }
  l.waiting.push_back({bytes, std::move(granted)});
  return false;
}

void MemoryBudget::release(std::size_t bytes) {
  std::deque<Waiter> granted;
  {
    const std::scoped_lock lock(mutex_);
    Line& l = line(bytes);
    FEDQAT_CHECK(l.used >= bytes);
    l.used -= bytes;
    granted = take_granted();
  }
  for (const Waiter& w : granted) w.granted();
}

void MemoryBudget::reply_made(std::size_t bytes) {
  const std::scoped_lock lock(mutex_);
  unsent_ += bytes;
}

void MemoryBudget::reply_gone(std::size_t bytes) {
  std::deque<Waiter> granted;
  {
    const std::scoped_lock lock(mutex_);
    FEDQAT_CHECK(unsent_ >= bytes);
    unsent_ -= bytes;
    granted = take_granted();
  }
  for (const Waiter& w : granted) w.granted();
}

std::deque<MemoryBudget::Waiter> MemoryBudget::take_granted() {
  std::deque<Waiter> granted;
  for (Line& l : lines_) {
    while (!l.waiting.empty() && fits(l, l.waiting.front().bytes)) {
      l.used += l.waiting.front().bytes;
      granted.push_back(std::move(l.waiting.front()));
      l.waiting.pop_front();
    }
  }
  return granted;
}

std::size_t MemoryBudget::used() const {
  const std::scoped_lock lock(mutex_);
  return lines_[0].used + lines_[1].used;
}

std::size_t MemoryBudget::unsent() const {
  const std::scoped_lock lock(mutex_);
  return unsent_;
}

}  // namespace fedqat
