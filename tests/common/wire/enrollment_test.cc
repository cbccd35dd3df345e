#include "common/wire/enrollment.h"

#include <catch2/catch.hpp>

#include "common/base/fs.h"

using namespace fedqat;

TEST_CASE("enrollment: a token comes back from its text") {
  const EnrollmentToken token = make_enrollment_token(sha256(as_bytes("ca")));
  const std::string text = to_text(token);
  CHECK(text.size() == 68);
  CHECK(text.starts_with("fq1."));
  CHECK(*parse_enrollment_token(text) == token);
  CHECK(*parse_enrollment_token("  " + text + "\r\n") == token);
  CHECK(make_enrollment_token(token.ca_sha256).secret != token.secret);
  CHECK(enrollment_secret_digest(token) != sha256(token.secret));
}

TEST_CASE("enrollment: anything else is refused with a remedy that does not repeat the secret") {
  const std::string text = to_text(make_enrollment_token({}));
  const std::string bad[] = {"",
                             "fq1.",
                             text.substr(4),
                             text.substr(0, 67),
                             text + "A",
                             "fq2" + text.substr(3),
                             "FQ1" + text.substr(3),
                             text + "=",
                             text.substr(0, 30) + " " + text.substr(30),
                             text.substr(0, 67) + "+",
                             text + "\n" + text};
  for (const std::string& t : bad) {
    CAPTURE(t);
    const auto r = parse_enrollment_token(t);
    REQUIRE_FALSE(r);
    CHECK(r.error().code == Errc::kInvalid);
    CHECK_THAT(r.error().what, Catch::Contains("ask the operator"));
    CHECK_THAT(r.error().what, !Catch::Contains(text.substr(4, 12)));
  }
}
