#include "common/base/thread_pool.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <stdexcept>

using namespace fedqat;

TEST_CASE("thread pool: every index is visited once") {
  ThreadPool pool(3);
  std::vector<std::atomic<int>> seen(1000);
  std::atomic<int> strangers = 0;  // Catch2 2 does not check from several threads
  pool.for_each(seen.size(), [&](std::size_t i, int worker) {
    if (worker < 0 || worker >= 3) ++strangers;
    ++seen[i];
  });
  CHECK(strangers == 0);
  for (const auto& s : seen) CHECK(s == 1);
}

TEST_CASE("thread pool: a task's exception reaches its future") {
  ThreadPool pool(1);
  auto broken = pool.submit([](int) -> int { throw std::runtime_error("no"); });
  CHECK_THROWS_AS(broken.get(), std::runtime_error);
  CHECK(pool.submit([](int) { return 42; }).get() == 42);
}
