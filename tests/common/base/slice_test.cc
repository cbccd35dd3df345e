#include "common/base/slice.h"

#include <catch2/catch.hpp>
#include <utility>

using namespace fedqat;

TEST_CASE("slice: a part of a buffer, copied and moved like a value") {
  const Bytes buffer = {std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}};
  Slice part(buffer, 1, 2);
  CHECK(part == Slice({std::byte{2}, std::byte{3}}));
  CHECK(ByteView(part).size() == 2);
  const Slice copy = part;
  const Slice moved = std::move(part);
  CHECK(copy == moved);
  CHECK(part.empty());  // NOLINT: that is the contract
  part = copy;
  CHECK(part[1] == std::byte{3});
  CHECK(Slice(buffer, 4, 0).empty());
  CHECK(Slice().empty());
}
