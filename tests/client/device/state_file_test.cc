#include "client/device/state_file.h"

#include <catch2/catch.hpp>

#include "common/base/fs.h"

using namespace fedqat;

TEST_CASE("state_file: every flipped bit, every cut and every other kind of file is noticed") {
  for (const std::string text : {"", "what is kept"}) {
    const Bytes file = seal_state("FEDQATX1", as_bytes(text));
    CHECK(file.size() == kStateHeader + text.size());
    REQUIRE(open_state("FEDQATX1", file));
    CHECK(as_text(*open_state("FEDQATX1", file)) == text);
    CHECK_FALSE(open_state("FEDQATX2", file));
    for (std::size_t bit = 0; bit < 8 * file.size(); ++bit) {
      Bytes bad = file;
      bad[bit / 8] ^= std::byte(1 << bit % 8);
      CHECK_FALSE(open_state("FEDQATX1", bad));
    }
    for (std::size_t n = 0; n < file.size(); ++n) {
      CHECK_FALSE(open_state("FEDQATX1", ByteView(file).first(n)));
    }
    Bytes longer = file;
    longer.push_back({});
    CHECK_FALSE(open_state("FEDQATX1", longer));
  }
}
