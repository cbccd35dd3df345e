#include "client/device/seen_models.h"

#include <catch2/catch.hpp>

#include "tests/support/damage.h"
#include "tests/support/failing_fs.h"
#include "tests/support/memory_fs.h"
#include "tests/support/stop_at.h"

using namespace fedqat;

namespace {

constexpr std::uint64_t kNow = 1'800'000'000;

Manifest model(std::uint64_t run, std::uint32_t round, std::uint64_t version,
               const char* contents = "model") {
  return {run, round, version, sha256(as_bytes(contents)), {}, kNow + 60};
}

struct Fixture {
  std::unique_ptr<Fs> fs = std::make_unique<MemoryFs>();
  std::filesystem::path path = "seen.bin";

  SeenModels open() {
    auto seen = SeenModels::open(*fs, path);
    REQUIRE(seen);
    return *seen;
  }
  // A device that starts again before every model.
  bool admits(const Manifest& m) { return bool(open().admit(m, kNow)); }
};

}  // namespace

TEST_CASE("seen_models: newer models pass, the same one again, older ones never") {
  Fixture f;
  CHECK(f.admits(model(1, 5, 10)));
  CHECK(f.admits(model(1, 5, 10)));
  CHECK_FALSE(f.admits(model(1, 5, 9)));
  CHECK_FALSE(f.admits(model(1, 4, 10)));
  CHECK_FALSE(f.admits(model(1, 4, 11)));
  CHECK_FALSE(f.admits(model(1, 6, 10, "another")));
  CHECK(f.admits(model(1, 6, 10)));
  CHECK(f.admits(model(1, 7, 11, "another")));
  CHECK_FALSE(f.admits(model(1, 6, 10)));
  CHECK(f.admits(model(2, 1, 1)));
  CHECK_FALSE(f.admits(model(1, 6, 10)));
  const auto r = f.open().admit(model(1, 6, 10), kNow);
  CHECK(r.error().code == Errc::kRejected);
  CHECK_THAT(r.error().what, Catch::Contains("version 10") && Catch::Contains("version 11"));
}

TEST_CASE("seen_models: a manifest is good until 10 minutes after its end") {
  Fixture f;
  SeenModels seen = f.open();
  Manifest m = model(1, 1, 1);
  CHECK(seen.admit(m, m.expires_unix_s + kClockSkewS));
  const auto late = seen.admit(m, m.expires_unix_s + kClockSkewS + 1);
  REQUIRE_FALSE(late);
  CHECK_THAT(late.error().what, Catch::Contains("expired") && Catch::Contains("clock"));
  CHECK(seen.admit(m, 0));
  m.expires_unix_s = UINT64_MAX;
  CHECK(seen.admit(m, UINT64_MAX));
  m.expires_unix_s = 0;
  CHECK_FALSE(seen.admit(m, UINT64_MAX));
}

TEST_CASE("seen_models: of 64 runs the one not used for longest is forgotten") {
  Fixture f;
  SeenModels seen = f.open();
  for (std::uint64_t run = 0; run < kRememberedRuns; ++run)
    REQUIRE(seen.admit(model(run, 2, 2), 0));
  REQUIRE(seen.admit(model(0, 2, 2), 0));
  REQUIRE(seen.admit(model(1000, 2, 2), 0));
  CHECK_FALSE(f.admits(model(0, 1, 1)));
  CHECK_FALSE(f.admits(model(2, 1, 1)));
  CHECK(f.admits(model(1, 1, 1)));
}

TEST_CASE("seen_models: nothing is admitted that cannot be remembered") {
  Fixture f;
  FailingFs full(*f.fs);
  auto seen = SeenModels::open(full, f.path);
  REQUIRE(seen);
  REQUIRE(seen->admit(model(1, 1, 1), kNow));
  full.failing = true;
  CHECK(seen->admit(model(1, 1, 1), kNow));  // needs no write
  CHECK(seen->admit(model(1, 2, 2), kNow).error().code == Errc::kIo);
  full.failing = false;
  CHECK(f.admits(model(1, 1, 1)));
  for (int nth = 1; nth <= 2; ++nth) {
    const Manifest next = model(1, 10 + static_cast<std::uint32_t>(nth), 10);
    const auto stopped = stop_at(nth, [&] { (void)f.open().admit(next, kNow); });
    REQUIRE(stopped);
    CHECK(f.admits(next));
    CHECK_FALSE(f.admits(model(1, 1, 1)));
  }
}

TEST_CASE("seen_models: a damaged file is an error, not an empty memory") {
  Fixture f;
  REQUIRE(f.admits(model(1, 1, 1)));
  const Bytes good = *f.fs->read(f.path);
  for (const Bytes& bad : damaged(good)) {
    REQUIRE(f.fs->write_atomic(f.path, bad));
    const auto r = SeenModels::open(*f.fs, f.path);
    REQUIRE_FALSE(r);
    CHECK(r.error().code == Errc::kCorrupt);
    CHECK_THAT(r.error().what, Catch::Contains("seen.bin"));
  }
}
