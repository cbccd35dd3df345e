// How many bytes of frames a server holds at once. Who gets none waits in line, unread: TCP then
// holds the sender back.
#pragma once

#include <array>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>

namespace fedqat {

// Two lines, so that check-ins pass large uploads that wait: an eighth of the limit is for frames
// up to kSmallFrame, the rest for larger ones. Thread-safe.
class MemoryBudget {
 public:
  static constexpr std::size_t kSmallFrame = std::size_t{64} << 10;
  // Called once, on a thread that calls release() or sent(), outside the lock; `bytes` are then
  // held.
  using Granted = std::function<void()>;

  explicit MemoryBudget(std::size_t limit);

  // The most that one acquire may ask for.
  std::size_t largest() const { return lines_[1].limit; }
  // True: `bytes` are held. False: `granted` will be called. kChecks bytes <= largest().
  bool acquire(std::size_t bytes, Granted granted);
  void release(std::size_t bytes);  // what one acquire got

  // Replies are made without asking, but when more than the limit are unsent nothing is granted.
  void reply_made(std::size_t bytes);
  void reply_gone(std::size_t bytes);

  std::size_t used() const;
  std::size_t unsent() const;

 private:
  struct Waiter {
    std::size_t bytes;
    Granted granted;
  };
  struct Line {
    std::size_t limit = 0;
    std::size_t used = 0;
    std::deque<Waiter> waiting;
  };
  Line& line(std::size_t bytes) { return lines_[bytes <= kSmallFrame ? 0 : 1]; }
  bool fits(const Line& line, std::size_t bytes) const {
    return unsent_ <= limit_ && line.used + bytes <= line.limit;
  }
  std::deque<Waiter> take_granted();

  const std::size_t limit_;
  mutable std::mutex mutex_;
  std::array<Line, 2> lines_;
  std::size_t unsent_ = 0;
};

}  // namespace fedqat
