#include "coordinator/inbox.h"

#include <catch2/catch.hpp>

using namespace fedqat;

namespace {

const Bytes kPayload = {std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}, std::byte{5}};
const Bytes kStats = {std::byte{9}};

UploadUpdate chunk(std::size_t offset, std::size_t size) {
  UploadUpdate c;
  c.sha256 = update_digest(kPayload, kStats);
  c.payload_size = kPayload.size();
  c.offset = offset;
  const auto first = kPayload.begin() + static_cast<std::ptrdiff_t>(offset);
  c.data.assign(first, first + static_cast<std::ptrdiff_t>(size));
  if (c.last()) c.stats = kStats;
  return c;
}

}  // namespace

TEST_CASE("inbox: one chunk is whole at once") {
  Inbox inbox;
  const auto p = inbox.add(1, chunk(0, 5), 5);
  REQUIRE(p);
  REQUIRE(p->whole);
  REQUIRE(p->payload == kPayload);
}

TEST_CASE("inbox: chunks come together; repetitions and gaps are told where to go on") {
  Inbox inbox;
  REQUIRE(inbox.add(1, chunk(0, 2), 5)->received == 2);
  REQUIRE(inbox.add(1, chunk(0, 2), 5)->received == 2);
  REQUIRE(inbox.add(2, chunk(2, 2), 5)->received == 0);  // another client
  REQUIRE(inbox.add(1, chunk(4, 1), 5)->received == 2);
  REQUIRE(inbox.add(1, chunk(2, 2), 5)->received == 4);
  const auto p = inbox.add(1, chunk(4, 1), 5);
  REQUIRE(p->whole);
  REQUIRE(p->payload == kPayload);
}

TEST_CASE("inbox: another update of the client starts anew") {
  Inbox inbox;
  REQUIRE(inbox.add(1, chunk(0, 2), 5)->received == 2);
  auto other = chunk(0, 3);
  other.sha256[0] ^= std::byte{1};
  REQUIRE(inbox.add(1, std::move(other), 5)->received == 3);
  REQUIRE(inbox.add(1, chunk(2, 2), 5)->received == 0);
}

TEST_CASE("inbox: a wrong size or hash is refused") {
  Inbox inbox;
  REQUIRE_FALSE(inbox.add(1, chunk(0, 5), 6));
  auto bad = chunk(0, 5);
  bad.data[0] ^= std::byte{1};
  REQUIRE_FALSE(inbox.add(1, std::move(bad), 5));
}

TEST_CASE("inbox: many clients keep no more than the budget; the oldest begins anew") {
  constexpr std::size_t kSize = std::size_t{6} << 20;  // four are the budget
  const auto first = [](std::size_t offset, std::size_t size, int fill) {
    UploadUpdate c;
    c.sha256.fill(std::byte(fill));
    c.payload_size = kSize;
    c.offset = offset;
    c.data.resize(size);
    return c;
  };
  REQUIRE(Inbox::budget(kSize) == 4 * kSize);
  REQUIRE(Inbox::budget(5) == std::size_t{16} << 20);
  Inbox inbox;
  for (ClientId who = 0; who < 50; ++who) {
    REQUIRE(inbox.add(who, first(0, kSize - 1, 1), kSize)->received == kSize - 1);
    REQUIRE(inbox.bytes() <= Inbox::budget(kSize));
  }
  REQUIRE(inbox.bytes() == 4 * (kSize - 1));
  REQUIRE(inbox.add(45, first(kSize - 1, 0, 1), kSize)->received == 0);          // forgotten
  REQUIRE(inbox.add(46, first(kSize - 1, 0, 1), kSize)->received == kSize - 1);  // kept
  REQUIRE(inbox.add(45, first(0, 10, 1), kSize)->received == 10);
  REQUIRE(inbox.add(46, first(0, 10, 2), kSize)->received == 10);  // another update
  REQUIRE(inbox.bytes() == 3 * (kSize - 1) + 20);
  inbox.forget(45);
  REQUIRE(inbox.bytes() == 3 * (kSize - 1) + 10);
  inbox.clear();
  REQUIRE(inbox.bytes() == 0);
}

TEST_CASE("inbox: a whole update leaves nothing behind") {
  Inbox inbox;
  REQUIRE(inbox.add(1, chunk(0, 2), 5));
  REQUIRE(inbox.add(1, chunk(2, 3), 5)->whole);
  REQUIRE(inbox.bytes() == 0);
  REQUIRE(inbox.add(1, chunk(0, 2), 5));
  REQUIRE(inbox.add(1, chunk(0, 5), 5)->whole);
  REQUIRE(inbox.bytes() == 0);
}
