#include "common/base/clock.h"

#include <catch2/catch.hpp>

using namespace fedqat;

TEST_CASE("clock: seconds since 1970 as a date in UTC") {
  CHECK(utc_text(0) == "1970-01-01 00:00");
  CHECK(utc_text(1769860859) == "2026-01-31 12:00");
  CHECK(unix_now_s() > 1735689600);  // 2025, before this was written
}
