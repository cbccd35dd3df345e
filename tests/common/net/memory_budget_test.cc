#include "common/net/memory_budget.h"

#include <catch2/catch.hpp>
#include <vector>

using namespace fedqat;

namespace {
constexpr std::size_t kMiB = std::size_t{1} << 20;
}

TEST_CASE("memory budget: who finds none waits in line, first come first served") {
  MemoryBudget budget(8 * kMiB);
  std::vector<int> granted;
  const auto ask = [&](int who, std::size_t bytes) {
    return budget.acquire(bytes, [&granted, who] { granted.push_back(who); });
  };
  CHECK(ask(1, 4 * kMiB));
  CHECK(ask(2, 3 * kMiB));
  CHECK_FALSE(ask(3, 3 * kMiB));
  CHECK_FALSE(ask(4, kMiB));
  CHECK(budget.used() == 7 * kMiB);
  budget.release(3 * kMiB);
  CHECK(granted == std::vector<int>{3});
  CHECK_FALSE(ask(5, kMiB));  // 4 was before it
  budget.release(4 * kMiB);
  CHECK(granted == std::vector<int>{3, 4, 5});
  CHECK(budget.used() == 5 * kMiB);
}

TEST_CASE("memory budget: small frames have a line of their own") {
  MemoryBudget budget(kMiB);
  int granted = 0;
  CHECK(budget.acquire(budget.largest(), [] {}));
  CHECK_FALSE(budget.acquire(100'000, [&] { ++granted; }));
  CHECK(budget.acquire(MemoryBudget::kSmallFrame, [] {}));
  CHECK(budget.acquire(MemoryBudget::kSmallFrame, [] {}));
  CHECK(budget.used() == kMiB);
  CHECK_FALSE(budget.acquire(1, [&] { ++granted; }));
  budget.release(MemoryBudget::kSmallFrame);
  CHECK(granted == 1);
}

TEST_CASE("memory budget: unsent replies above the limit hold new requests back") {
  MemoryBudget budget(kMiB);
  int granted = 0;
  budget.reply_made(kMiB);
  CHECK(budget.acquire(10, [] {}));
  budget.reply_made(1);
  CHECK_FALSE(budget.acquire(10, [&] { ++granted; }));
  CHECK_FALSE(budget.acquire(100'000, [&] { ++granted; }));
  budget.reply_gone(kMiB);
  CHECK(granted == 2);
  CHECK(budget.unsent() == 1);
}
