#include "client/cli/place.h"

#include <catch2/catch.hpp>

using namespace fedqat;

TEST_CASE("place: host and port as people write them") {
  CHECK(parse_place("fl.example.org:7444")->host == "fl.example.org");
  CHECK(parse_place("fl.example.org:7444")->port == 7444);
  CHECK(parse_place("[::1]:1")->host == "::1");
  CHECK(parse_place("10.0.0.5:65535")->port == 65535);
}

TEST_CASE("place: what is not both is refused") {
  for (const char* text : {"", ":", "host", "host:", ":7", "host:0", "host:65536", "host:7x",
                           "::1:7", "[]:7", "[::1]", "host:-1"}) {
    INFO(text);
    CHECK(parse_place(text).error().code == Errc::kInvalid);
  }
}
