#include "sim/guarded.h"

#include <catch2/catch.hpp>
#include <stdexcept>

using namespace fedqat;

TEST_CASE("guarded: results and errors pass through") {
  REQUIRE(*guarded([] { return Result<int>(7); }) == 7);
  REQUIRE(guarded([] { return Result<int>(Error{Errc::kIo, "x"}); }).error().code == Errc::kIo);
}

TEST_CASE("guarded: what a job throws is an error, and memory is named with its remedy") {
  const auto memory = guarded([]() -> Result<int> { throw std::bad_alloc(); });
  REQUIRE(memory.error().code == Errc::kUnavailable);
  REQUIRE_THAT(memory.error().what, Catch::Contains("memory") && Catch::Contains("sim.threads"));
  const auto other = guarded([]() -> Result<int> { throw std::length_error("too long"); });
  REQUIRE_THAT(other.error().what, Catch::Contains("too long"));
}
