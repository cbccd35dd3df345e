#include "coordinator/state/registry.h"

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <thread>

#include "common/base/fs.h"
#include "common/base/rng.h"
#include "tests/support/stop_at.h"
#include "tests/support/temp_dir.h"

using namespace fedqat;

namespace {

// Not "x" + std::to_string(n), of which GCC 12 warns without cause.
std::string numbered(std::string name, std::int64_t n) {
  name += std::to_string(n);
  return name;
}

Digest key(const std::string& name) { return sha256(as_bytes(name)); }

struct Fixture {
  TempDir dir;
  std::filesystem::path path = dir.path() / "registry.db";
  Registry registry = Registry::open(path).value();

  Device enrol(const std::string& name) {
    REQUIRE(registry.add_token("secret of " + name, name, 1000));
    return registry.redeem("secret of " + name, key(name), 10).value();
  }
};

bool says(const Error& error, const std::string& what) {
  return error.what.find(what) != std::string::npos;
}

}  // namespace

TEST_CASE("registry: devices are numbered in the order in which they enrol") {
  Fixture f;
  CHECK(f.enrol("a").number == 0);
  CHECK(f.enrol("b").number == 1);
  const Device c = f.enrol("c");
  CHECK(c.number == 2);
  CHECK(c.name == "c");
  CHECK(c.enrolled_s == 10);
  const auto devices = f.registry.list().value();
  REQUIRE(devices.size() == 3);
  CHECK(devices[1].name == "b");
  CHECK_FALSE(devices[1].revoked_s);
  CHECK(f.registry.find(key("b")).value()->device.number == 1);
  CHECK(f.registry.find(key("b")).value()->admitted());
  CHECK_FALSE(f.registry.find(key("nobody")).value());
  CHECK(f.registry.find("c").value()->number == 2);
}

TEST_CASE("registry: a token is good once, until it expires, and each refusal says why") {
  Fixture f;
  auto& r = f.registry;
  CHECK(says(r.redeem("guess", key("a"), 0).error(), "unknown"));
  REQUIRE(r.add_token("s", "a", 100));
  const Error expired = r.redeem("s", key("a"), 100).error();
  CHECK(expired.code == Errc::kRejected);
  CHECK(says(expired, "expired"));
  REQUIRE(r.redeem("s", key("a"), 99));
  const Error used = r.redeem("s", key("thief"), 99).error();
  CHECK(used.code == Errc::kRejected);
  CHECK(says(used, "used already"));
  CHECK(r.list().value().size() == 1);
}

TEST_CASE("registry: a device whose reply was lost may ask again with its key") {
  Fixture f;
  auto& r = f.registry;
  REQUIRE(r.add_token("s", "a", 100));
  const Device first = r.redeem("s", key("a"), 50).value();
  const Device again = r.redeem("s", key("a"), 60).value();
  CHECK(again.number == first.number);
  CHECK(again.enrolled_s == 50);
  CHECK(says(r.redeem("s", key("a"), 100).error(), "expired"));
  REQUIRE(r.revoke("a", "lost", 60));
  CHECK(says(r.redeem("s", key("a"), 70).error(), "revoked"));
}

TEST_CASE("registry: a newer token of a name makes the older one void") {
  Fixture f;
  auto& r = f.registry;
  REQUIRE(r.add_token("old", "a", 100));
  REQUIRE(r.add_token("new", "a", 100));
  CHECK(says(r.redeem("old", key("a"), 1).error(), "replaced"));
  CHECK(r.redeem("new", key("a"), 1));
  CHECK(r.add_token("third", "a", 100).error().code == Errc::kInvalid);
}

TEST_CASE("registry: names and keys belong to one device") {
  Fixture f;
  for (const std::string& name : {std::string(), std::string("a b"), std::string("<script>"),
                                  std::string("a\0b", 3), std::string(65, 'x')}) {
    CHECK(f.registry.add_token("s", name, 100).error().code == Errc::kInvalid);
  }
  CHECK(f.registry.add_token("s64", std::string(64, 'x'), 100));
  f.enrol("a");
  REQUIRE(f.registry.add_token("sb", "b", 100));
  CHECK(says(f.registry.redeem("sb", key("a"), 1).error(), "device \"a\""));
  CHECK(f.registry.redeem("sb", key("b"), 1));
  CHECK(f.registry.add_key(0, {key("b"), "01", 5}).error().code == Errc::kRejected);
}

TEST_CASE("registry: a device may have several keys; its certificate can be noted") {
  Fixture f;
  f.enrol("a");
  REQUIRE(f.registry.add_key(0, {key("a"), "01", 500}));
  REQUIRE(f.registry.add_key(0, {key("a2"), "02", 900}));
  const auto keys = f.registry.keys(0).value();
  REQUIRE(keys.size() == 2);
  CHECK(keys[0].serial == "01");
  CHECK(keys[1].public_key == key("a2"));
  CHECK(f.registry.find(key("a2")).value()->key.not_after_s == 900);
  CHECK(f.registry.add_key(7, {key("x"), "03", 1}).error().code == Errc::kNotFound);
  REQUIRE(f.registry.revoke("a", "stolen", 20));
  CHECK(f.registry.add_key(0, {key("a3"), "04", 1}).error().code == Errc::kRejected);
}

TEST_CASE("registry: a revocation is final and holds for every key") {
  Fixture f;
  f.enrol("a");
  REQUIRE(f.registry.add_key(0, {key("a2"), "02", 900}));
  REQUIRE(f.registry.revoke("a", "stolen", 20));
  REQUIRE(f.registry.revoke("a", "again", 30));
  for (const char* k : {"a", "a2"}) {
    const DeviceStatus status = f.registry.find(key(k)).value().value();
    CHECK_FALSE(status.admitted());
    CHECK(status.device.revoked_s == 20);
    CHECK(status.device.revoke_reason == "stolen");
  }
  CHECK(f.registry.revoke("b", "", 1).error().code == Errc::kNotFound);
}

TEST_CASE("registry: quarantine and the time last seen") {
  Fixture f;
  f.enrol("a");
  f.enrol("b");
  REQUIRE(f.registry.set_quarantined(1, true));
  CHECK_FALSE(f.registry.find(key("b")).value()->admitted());
  REQUIRE(f.registry.set_quarantined(1, false));
  CHECK(f.registry.find(key("b")).value()->admitted());
  CHECK(f.registry.set_quarantined(9, true).error().code == Errc::kNotFound);
  REQUIRE(f.registry.set_seen(std::array{Seen{0, 50}, Seen{1, 60}, Seen{0, 40}}));
  const auto devices = f.registry.list().value();
  CHECK(devices[0].last_seen_s == 50);
  CHECK(devices[1].last_seen_s == 60);
}

TEST_CASE("registry: what another process changed is noticed, own changes are not") {
  Fixture f;
  f.enrol("a");
  CHECK_FALSE(f.registry.changed().value());
  auto other = Registry::open(f.path).value();
  CHECK_FALSE(other.changed().value());
  REQUIRE(other.revoke("a", "stolen", 20));
  CHECK(f.registry.changed().value());
  CHECK_FALSE(f.registry.changed().value());
  CHECK_FALSE(f.registry.find(key("a")).value()->admitted());
  CHECK_FALSE(other.changed().value());
}

TEST_CASE("registry: of several that redeem one token at once exactly one wins") {
  Fixture f;
  constexpr int kTokens = 20;
  constexpr int kThreads = 4;
  for (int i = 0; i < kTokens; ++i) {
    const std::string n = std::to_string(i);
    REQUIRE(f.registry.add_token("s" + n, "d" + n, 100));
  }
  std::atomic<int> won{0};
  std::atomic<int> lost{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      auto mine = Registry::open(f.path);
      if (!mine) return;
      for (int i = 0; i < kTokens; ++i) {
        const std::string n = std::to_string(i);
        const auto r = mine->redeem("s" + n, key(n + "/" + std::to_string(t)), 1);
        if (r) {
          ++won;
        } else if (r.error().code == Errc::kRejected) {
          ++lost;
        }
      }
    });
  }
  for (std::thread& t : threads) t.join();
  CHECK(won == kTokens);
  CHECK(lost == kTokens * (kThreads - 1));
  const auto devices = f.registry.list().value();
  REQUIRE(devices.size() == kTokens);
  for (std::uint32_t i = 0; i < kTokens; ++i) CHECK(devices[i].number == i);
}

TEST_CASE("registry: random operations leave what a plain map would hold") {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    INFO("seed " << seed);
    Fixture f;
    Rng rng({.seed = seed});
    struct Token {
      std::string name;
      std::int64_t expires = 0;
      bool used = false;
    };
    std::map<std::string, Token> tokens;
    std::map<std::string, std::uint32_t> devices;
    std::map<std::string, std::int64_t> revoked;
    for (int i = 0; i < 100; ++i) {
      const std::int64_t now = i;
      const std::string name = numbered("d", rng.below(12));
      const std::string secret = numbered("s", rng.below(30));
      switch (rng.below(4)) {
        case 0: {
          const bool fits =
              devices.count(name) == 0 &&
              (tokens.count(secret) == 0 || (tokens[secret].name == name && !tokens[secret].used));
          const std::int64_t expires = now + rng.below(60);
          REQUIRE(static_cast<bool>(f.registry.add_token(secret, name, expires)) == fits);
          if (!fits) break;
          std::erase_if(tokens,
                        [&](const auto& t) { return t.second.name == name && !t.second.used; });
          tokens[secret] = {name, expires, false};
          break;
        }
        case 1: {
          const auto t = tokens.find(secret);
          const bool fits = t != tokens.end() && !t->second.used && now < t->second.expires &&
                            devices.count(t->second.name) == 0;
          const auto r = f.registry.redeem(secret, key(std::to_string(i)), now);
          REQUIRE(static_cast<bool>(r) == fits);
          if (!fits) break;
          REQUIRE(r->number == devices.size());
          t->second.used = true;
          devices.emplace(t->second.name, r->number);
          break;
        }
        case 2:
          REQUIRE(static_cast<bool>(f.registry.revoke(name, "r", now)) ==
                  (devices.count(name) != 0));
          if (devices.count(name) != 0) revoked.emplace(name, now);
          break;
        default:
          f.registry = Registry::open(f.path).value();
      }
    }
    const auto list = f.registry.list().value();
    REQUIRE(list.size() == devices.size());
    for (const Device& d : list) {
      CHECK(devices.at(d.name) == d.number);
      CHECK(d.revoked_s.has_value() == (revoked.count(d.name) != 0));
      if (d.revoked_s) CHECK(*d.revoked_s == revoked.at(d.name));
    }
  }
}

TEST_CASE(
    "registry: stopped at any failpoint, a change is there whole or not, and can be repeated") {
  std::map<std::string, int> stops;
  for (int nth = 1;; ++nth) {
    std::optional<std::string> where;
    for (int time = 0; time < 20; ++time) {
      TempDir dir;
      const auto path = dir.path() / "registry.db";
      const auto play = [&](Registry& r) {
        if (!r.find("a").value() && !r.add_token("s", "a", 1000)) return false;
        const auto device = r.redeem("s", key("a"), 10);
        if (!device || device->number != 0) return false;
        if (!r.add_key(0, {key("b"), "01", 500})) return false;
        if (!r.set_quarantined(0, true)) return false;
        const Seen seen{0, 77};
        return r.set_seen({&seen, 1}) && r.revoke("a", "lost", 20);
      };
      {
        Registry registry = Registry::open(path).value();
        where = stop_at(nth, [&] { (void)play(registry); });
      }
      if (!where) break;
      ++stops[*where];
      Registry again = Registry::open(path).value();
      const auto device = again.find("a").value();
      if (!device || !device->revoked_s) REQUIRE(play(again));
      const auto found = again.find("a").value();
      CHECK(found->quarantined);
      CHECK(found->last_seen_s == 77);
      CHECK(found->revoke_reason == "lost");
      CHECK(again.keys(0).value().size() == 2);
      CHECK(again.list().value().size() == 1);
    }
    if (!where) break;
  }
  CHECK(stops.size() == 12);
}
