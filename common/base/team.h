// Threads that do one thing together, again and again: the parts of a layer within a training step.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace fedqat {

// A part of [0, n): as equal as whole numbers are, in order.
struct Share {
  int first = 0, end = 0;
  int size() const { return end - first; }
};
constexpr Share share_of(int n, int part, int parts) {
  const auto at = [&](std::int64_t p) { return static_cast<int>(p * n / parts); };
  return {at(part), at(part + 1)};
}

// Between two runs its threads wait: awake for some microseconds, then asleep. One thread at a time
// may call run().
class Team {
 public:
  explicit Team(int threads = 1);  // >= 1; fewer when the system does not give so many
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int size() const { return static_cast<int>(helpers_.size()) + 1; }

  // work(part) for part 0 .. parts - 1 at the same time, the first on this thread; returns when all
  // have ended. 1 <= parts <= size(). work must not throw, nor call run(). Allocates nothing.
  template <class Work>
  void run(int parts, const Work& work) {
    if (parts == 1) return work(0);
    start({[](const void* w, int part) { (*static_cast<const Work*>(w))(part); }, &work}, parts);
    work(0);
    finish();
  }

 private:
  struct Job {
    void (*run)(const void* work, int part) = nullptr;
    const void* work = nullptr;
  };
  void start(Job job, int parts);
  void finish();
  void help(int part);

  Job job_;
  int parts_ = 0;
  std::atomic<std::uint32_t> jobs_{0};  // started so far
  std::atomic<std::uint32_t> busy_{0};  // helpers that have not ended the last
  bool stop_ = false;
  std::vector<std::thread> helpers_;
};

}  // namespace fedqat
