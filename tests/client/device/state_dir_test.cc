#include "client/device/state_dir.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "common/crypto/authority.h"
#include "tests/support/failing_fs.h"
#include "tests/support/stop_at.h"
#include "tests/support/temp_dir.h"

using namespace fedqat;

namespace {

struct Fixture {
  TempDir temp;
  std::unique_ptr<Fs> fs = make_posix_fs();
  std::filesystem::path dir = temp.path() / "state" / "device";
  PrivateKey ca_key = PrivateKey::make_p256();
  Certificate ca = *make_ca(ca_key, "CA", {1'700'000'000, 1'900'000'000});
  DeviceProfile profile{"host:7300", "coordinator", PrivateKey::make_ed25519().public_key_raw(),
                        "kitchen", 7};

  StateDir open() {
    auto state = StateDir::open(*fs, dir);
    REQUIRE(state);
    return std::move(*state);
  }
  Certificate sign(const PrivateKey& key) const {
    return *sign_csr(ca, ca_key, *make_csr(key, "x"),
                     {"kitchen", CertificateProfile::Purpose::kClient, {}, {0, 1'900'000'000}});
  }
};

}  // namespace

TEST_CASE("state_dir: what enrollment gave is there after a restart") {
  Fixture f;
  Digest key;
  {
    StateDir state = f.open();
    CHECK_FALSE(state.enrolled());
    CHECK(state.identity().error().code == Errc::kNotFound);
    key = state.key()->public_sha256();
    REQUIRE(state.enroll(f.sign(*state.key()), f.ca, f.profile));
  }
  StateDir state = f.open();
  CHECK(state.enrolled());
  const auto identity = state.identity();
  REQUIRE(identity);
  CHECK(identity->key.public_sha256() == key);
  CHECK(identity->ca.sha256() == f.ca.sha256());
  CHECK(identity->profile == f.profile);
  const Certificate renewed = f.sign(identity->key);
  REQUIRE(state.renew(renewed));
  CHECK(state.identity()->certificate.sha256() == renewed.sha256());
  CHECK_FALSE(state.renew(f.sign(PrivateKey::make_p256())));
  CHECK(state.identity());
}

TEST_CASE("state_dir: nobody else can read it, and two clients cannot use it") {
  Fixture f;
  StateDir state = f.open();
  REQUIRE(state.enroll(f.sign(*state.key()), f.ca, f.profile));
  const auto mode = [](const std::filesystem::path& path) {
    struct stat info {};
    REQUIRE(::stat(path.c_str(), &info) == 0);
    return info.st_mode & 0777;
  };
  CHECK(mode(f.dir) == 0700);
  for (const auto& entry : std::filesystem::directory_iterator(f.dir)) {
    CAPTURE(entry.path());
    CHECK(mode(entry.path()) == 0600);
  }
  CHECK(StateDir::open(*f.fs, f.dir).error().code == Errc::kUnavailable);
}

TEST_CASE("state_dir: certificates of another key or another CA are refused") {
  Fixture f;
  const Fixture other;
  StateDir state = f.open();
  const PrivateKey key = *state.key();
  CHECK(state.enroll(f.sign(PrivateKey::make_p256()), f.ca, f.profile).error().code ==
        Errc::kInvalid);
  CHECK(state.enroll(other.sign(key), f.ca, f.profile).error().code == Errc::kInvalid);
  CHECK(state.enroll(f.sign(key), f.sign(key), f.profile).error().code == Errc::kInvalid);
  f.profile.manifest_key.pop_back();
  CHECK(state.enroll(f.sign(key), f.ca, f.profile).error().code == Errc::kInvalid);
  CHECK_FALSE(state.enrolled());
}

TEST_CASE("state_dir: an enrollment that stops anywhere goes on with the same key") {
  Fixture f;
  int stops = 0;
  for (int nth = 1;; ++nth) {
    std::filesystem::remove_all(f.dir);
    const auto stopped = stop_at(nth, [&] {
      StateDir state = f.open();
      FEDQAT_CHECK(state.enroll(f.sign(*state.key()), f.ca, f.profile));
    });
    if (!stopped) break;
    ++stops;
    CAPTURE(*stopped);
    StateDir state = f.open();
    if (*stopped == "client.enrollment.before_profile") CHECK_FALSE(state.enrolled());
    if (*stopped == "client.enrollment.after_profile") CHECK(state.enrolled());
    if (state.enrolled()) CHECK(state.identity());
    const Digest key = state.key()->public_sha256();
    REQUIRE(state.enroll(f.sign(*state.key()), f.ca, f.profile));
    CHECK(state.identity()->key.public_sha256() == key);
  }
  CHECK(stops == 7 + 4 * 4);  // steps of the enrollment, steps of writing four files
}

TEST_CASE("state_dir: a second enrollment that stops anywhere never mixes two coordinators") {
  Fixture f;
  const Fixture other;
  for (int nth = 1;; ++nth) {
    std::filesystem::remove_all(f.dir);
    {
      StateDir state = f.open();
      REQUIRE(state.enroll(f.sign(*state.key()), f.ca, f.profile));
      const auto stopped = stop_at(nth, [&] {
        FEDQAT_CHECK(state.enroll(other.sign(*state.key()), other.ca, other.profile));
      });
      if (!stopped) break;
    }
    StateDir state = f.open();
    if (!state.enrolled()) continue;
    const auto identity = state.identity();
    REQUIRE(identity);
    const Fixture& owner = identity->profile == f.profile ? f : other;
    CHECK(identity->profile == owner.profile);
    CHECK(identity->ca.sha256() == owner.ca.sha256());
  }
}

TEST_CASE("state_dir: damaged files are errors that name them; no new key takes their place") {
  Fixture f;
  StateDir state = f.open();
  REQUIRE(state.enroll(f.sign(*state.key()), f.ca, f.profile));
  for (const char* name : {"identity.key", "identity.pem", "ca.pem", "device.bin"}) {
    const Bytes good = *f.fs->read(f.dir / name);
    for (const std::size_t size : {std::size_t{0}, good.size() / 2}) {
      REQUIRE(f.fs->write_atomic(f.dir / name, ByteView(good).first(size)));
      const auto r = state.identity();
      REQUIRE_FALSE(r);
      CHECK(r.error().code == Errc::kCorrupt);
      CHECK_THAT(r.error().what, Catch::Contains(name) && Catch::Contains("enroll"));
    }
    REQUIRE(f.fs->write_private(f.dir / name, good));
  }
  REQUIRE(f.fs->write_private(f.dir / "identity.key", PrivateKey::make_p256().to_pem()));
  CHECK(state.identity().error().code == Errc::kCorrupt);
  REQUIRE(f.fs->remove(f.dir / "identity.key"));
  CHECK(state.identity().error().code == Errc::kCorrupt);
  CHECK_FALSE(f.fs->exists(f.dir / "identity.key"));
}
