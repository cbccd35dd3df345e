#include "client/device/credentials.h"

#include <catch2/catch.hpp>

#include "tests/support/device_play.h"

using namespace fedqat;

namespace {

// A device that is not enrolled yet, and a front desk for it.
struct Fixture {
  DevicePlay play;
  StateDir state = *StateDir::open(*play.fs, play.dir.path() / "new");
  EnrollmentToken token = make_enrollment_token(play.ca.sha256());
  DevicePlay::Line line{play};
  std::vector<Digest> keys;
  Enrolled reply{"sensor", 3, {}, play.ca.to_pem(), play.manifest_key.public_key_raw(), 7443};
  RefusalCode refusal = RefusalCode::kMalformed;  // kMalformed: none

  Fixture() {
    play.instead = [this](const Request& r) -> std::optional<Reply> {
      const auto& enroll = std::get<Enroll>(r);
      REQUIRE(enroll.secret == token.secret);
      if (refusal != RefusalCode::kMalformed) return Reply{0, Refusal{refusal, "no"}};
      const auto leaf = play.certify(enroll.csr_pem, kBegin);
      keys.push_back(leaf.public_key_sha256());
      Enrolled answer = reply;
      answer.certificate_pem = leaf.to_pem();
      return Reply{0, answer};
    };
  }
  Result<DeviceProfile> enroll(EnrollmentPlace place = {"fl.example.org", 0, ""}) {
    return enroll_device(state, line, token, place);
  }
};

}  // namespace

TEST_CASE("credentials: enrolment stores what run needs") {
  Fixture f;
  const auto profile = f.enroll();
  REQUIRE(profile);
  CHECK(profile->address == "fl.example.org:7443");
  CHECK(profile->server_name == "fl.example.org");
  const auto identity = f.state.identity();
  REQUIRE(identity);
  CHECK(identity->profile == *profile);
  CHECK(identity->certificate.issued_by(f.play.ca));
}

TEST_CASE("credentials: port and name may be given, and an IPv6 address gets its brackets") {
  Fixture f;
  const auto profile = f.enroll({"::1", 99, "fl.example.org"});
  REQUIRE(profile);
  CHECK(profile->address == "[::1]:99");
  CHECK(profile->server_name == "fl.example.org");
}

TEST_CASE("credentials: an interrupted enrolment goes on with the same key") {
  Fixture f;
  f.play.lose_reply = [](std::size_t call) { return call == 0; };
  REQUIRE(f.enroll().error().code == Errc::kTimeout);
  REQUIRE_FALSE(f.state.enrolled());
  REQUIRE(f.enroll());
  REQUIRE(f.keys.size() == 2);
  REQUIRE(f.keys[0] == f.keys[1]);
}

TEST_CASE("credentials: a bad token, another authority or no port leave the device as it was") {
  Fixture f;
  f.refusal = RefusalCode::kBadToken;
  CHECK(f.enroll().error().code == Errc::kRejected);
  f.refusal = RefusalCode::kBusy;
  CHECK(f.enroll().error().code == Errc::kUnavailable);
  f.refusal = RefusalCode::kMalformed;
  f.reply.authorities_pem = make_ca(f.play.ca_key, "another", {kBegin, kBegin + 1000})->to_pem();
  CHECK(f.enroll().error().code == Errc::kCorrupt);
  f.reply.authorities_pem = f.play.ca.to_pem();
  f.reply.port = 0;
  CHECK(f.enroll().error().code == Errc::kInvalid);
  CHECK_FALSE(f.state.enrolled());
}
