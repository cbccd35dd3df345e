#include "client/device/backoff.h"

#include <catch2/catch.hpp>

using namespace fedqat;

TEST_CASE("backoff: waits double up to the limit, from the upper half, and begin anew") {
  Backoff backoff(60000, 7);
  std::int64_t step = kFirstRetryMs;
  for (int i = 0; i < 20; ++i) {
    const std::int64_t ms = backoff.next_ms();
    CHECK(ms <= step);
    CHECK(2 * ms >= step);
    step = std::min<std::int64_t>(2 * step, 60000);
  }
  backoff.reset();
  CHECK(backoff.next_ms() <= kFirstRetryMs);
}

TEST_CASE("backoff: a window is never cut short and little exceeded") {
  Backoff backoff(60000, 7);
  for (const std::uint32_t window : {0U, 1U, 1000U, 600000U, 0xFFFFFFFFU}) {
    const std::int64_t ms = backoff.window_ms(window);
    CHECK(ms >= window);
    CHECK(ms <= std::int64_t{window} + std::min(window / 10 + 1, 10000U));
  }
}

TEST_CASE("backoff: devices do not move in step") {
  Backoff a(60000, 1), b(60000, 2);
  CHECK(a.window_ms(600000) != b.window_ms(600000));
}
