#include "common/base/team.h"

#include <system_error>

#include "common/base/check.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace fedqat {
namespace {

constexpr int kTurns = 2000;  // some 20 to 50 us

void pause() {
#ifdef __x86_64__
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Until `value` is not `old`.
void wait_change(const std::atomic<std::uint32_t>& value, std::uint32_t old) {
  for (int i = 0; i < kTurns; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
    pause();
  }
  value.wait(old, std::memory_order_acquire);
}

}  // namespace

Team::Team(int threads) {
  FEDQAT_CHECK(threads >= 1);
  helpers_.reserve(static_cast<std::size_t>(threads - 1));
  try {
    for (int part = 1; part < threads; ++part) {
      helpers_.emplace_back([this, part] { help(part); });
    }
  } catch (const std::system_error&) {  // those that there are do it all
  }
}

Team::~Team() {
  stop_ = true;
  start({}, size());
  for (std::thread& t : helpers_) t.join();
}

void Team::start(Job job, int parts) {
  FEDQAT_DCHECK(parts <= size());
  job_ = job;
  parts_ = parts;
  busy_.store(static_cast<std::uint32_t>(helpers_.size()), std::memory_order_relaxed);
  jobs_.fetch_add(1, std::memory_order_release);
  jobs_.notify_all();
}

void Team::finish() {
  for (std::uint32_t busy = busy_.load(std::memory_order_acquire); busy != 0;
       busy = busy_.load(std::memory_order_acquire)) {
    wait_change(busy_, busy);
  }
}

void Team::help(int part) {
  for (std::uint32_t seen = 0;; ++seen) {
    wait_change(jobs_, seen);
    if (stop_) return;
    if (part < parts_) job_.run(job_.work, part);
    if (busy_.fetch_sub(1, std::memory_order_acq_rel) == 1) busy_.notify_one();
  }
}

}  // namespace fedqat
