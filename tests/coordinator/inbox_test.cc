#include "coordinator/inbox.h"

#include <catch2/catch.hpp>

using namespace fedqat;

namespace {

const Bytes kPayload = {std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}, std::byte{5}};
const Bytes kStats = {std::byte{9}};

UploadUpdate chunk(std::size_t offset, std::size_t size) {
  UploadUpdate c;
  c.digest = update_digest(kPayload, kStats);
  c.payload_size = kPayload.size();
  c.offset = offset;
  const auto first = kPayload.begin() + static_cast<std::ptrdiff_t>(offset);
  c.data = Bytes(first, first + static_cast<std::ptrdiff_t>(size));
  if (c.last()) c.stats = kStats;
  return c;
}

}  // namespace

TEST_CASE("inbox: one chunk is whole at once") {
  Inbox inbox;
  const auto p = inbox.add(1, chunk(0, 5), {5, 5}, 0);
  REQUIRE(p);
  REQUIRE(p->whole);
  REQUIRE(p->payload == kPayload);
}

TEST_CASE("inbox: chunks come together; repetitions and gaps are told where to go on") {
  Inbox inbox;
  REQUIRE(inbox.add(1, chunk(0, 2), {5, 5}, 0)->received == 2);
  REQUIRE(inbox.add(1, chunk(0, 2), {5, 5}, 0)->received == 2);
  REQUIRE(inbox.add(2, chunk(2, 2), {5, 5}, 0)->received == 0);  // another client
  REQUIRE(inbox.add(1, chunk(4, 1), {5, 5}, 0)->received == 2);
  REQUIRE(inbox.add(1, chunk(2, 2), {5, 5}, 0)->received == 4);
  const auto p = inbox.add(1, chunk(4, 1), {5, 5}, 0);
  REQUIRE(p->whole);
  REQUIRE(p->payload == kPayload);
}

TEST_CASE("inbox: another update of the client starts anew") {
  Inbox inbox;
  REQUIRE(inbox.add(1, chunk(0, 2), {5, 5}, 0)->received == 2);
  auto other = chunk(0, 3);
  other.digest[0] ^= std::byte{1};
  REQUIRE(inbox.add(1, std::move(other), {5, 5}, 0)->received == 3);
  REQUIRE(inbox.add(1, chunk(2, 2), {5, 5}, 0)->received == 0);
}

TEST_CASE("inbox: a wrong size or hash is refused") {
  Inbox inbox;
  REQUIRE_FALSE(inbox.add(1, chunk(0, 5), {6, 6}, 0));
  auto bad = chunk(0, 5);
  bad.digest[0] ^= std::byte{1};
  REQUIRE_FALSE(inbox.add(1, std::move(bad), {5, 5}, 0));
}

TEST_CASE("inbox: a changed byte in any of several chunks is found, and nothing of it stays") {
  Inbox inbox;
  for (const std::size_t at : {0, 2, 4}) {
    for (const std::size_t offset : {0, 2, 4}) {
      auto c = chunk(offset, offset == 4 ? 1 : 2);
      if (offset == at) c.data = Bytes(c.data.size(), std::byte{7});
      const auto p = inbox.add(1, std::move(c), {5, 5}, 0);
      REQUIRE(static_cast<bool>(p) == (offset != 4));
    }
    REQUIRE(inbox.bytes() == 0);
  }
  REQUIRE(inbox.add(1, chunk(0, 3), {5, 5}, 0)->received == 3);
  auto last = chunk(3, 2);
  last.stats = {std::byte{8}};
  REQUIRE_FALSE(inbox.add(1, std::move(last), {5, 5}, 0));
  REQUIRE(inbox.add(1, chunk(0, 3), {5, 5}, 0)->received == 3);
  REQUIRE(inbox.add(1, chunk(3, 2), {5, 5}, 0)->whole);
}

TEST_CASE("inbox: when there is no room others wait, until somebody ends or went silent") {
  constexpr std::size_t kSize = 1000;
  const auto part = [](std::size_t offset, std::size_t size) {
    UploadUpdate c;
    c.payload_size = kSize;
    c.offset = offset;
    c.data = Bytes(size);
    c.digest = update_digest(Bytes(kSize), kStats);
    if (c.last()) c.stats = kStats;
    return c;
  };
  Inbox inbox(10 * kSize);
  for (ClientId who = 0; who < 10; ++who) {
    REQUIRE(inbox.add(who, part(0, 600), {kSize, kSize}, who)->received == 600);
  }
  REQUIRE(inbox.bytes() == 10 * kSize);
  REQUIRE(inbox.add(10, part(0, 600), {kSize, kSize}, 20)->busy);
  REQUIRE(inbox.add(3, part(600, 400), {kSize, kSize}, 21)->whole);
  REQUIRE(inbox.add(10, part(0, 600), {kSize, kSize}, 22)->received == 600);
  REQUIRE(inbox.add(11, part(0, 600), {kSize, kSize}, 23)->busy);
  // Client 0 has been silent for longest.
  REQUIRE(inbox.add(11, part(0, 600), {kSize, kSize}, Inbox::kStaleMs)->received == 600);
  REQUIRE(inbox.add(0, part(600, 400), {kSize, kSize}, Inbox::kStaleMs)->received == 0);
  REQUIRE(inbox.bytes() == 10 * kSize);
  REQUIRE(Inbox(0).add(1, part(0, 600), {kSize, kSize}, 0)->received == 600);  // four always fit
}

TEST_CASE("inbox: where values decide on the size, any between the bounds is taken") {
  Inbox inbox;
  REQUIRE(inbox.add(1, chunk(0, 2), {3, 9}, 0)->received == 2);
  REQUIRE(inbox.bytes() == 9);  // what may come is what is counted
  REQUIRE(inbox.add(1, chunk(2, 3), {3, 9}, 0)->whole);
  for (const PayloadSize& size : {PayloadSize{6, 9}, PayloadSize{1, 4}}) {
    const auto refused = inbox.add(1, chunk(0, 2), size, 0);
    REQUIRE_FALSE(refused);
    REQUIRE_THAT(refused.error().what, Catch::Contains(std::to_string(size.most)));
  }
}

TEST_CASE("inbox: a whole update leaves nothing behind") {
  Inbox inbox;
  REQUIRE(inbox.add(1, chunk(0, 2), {5, 5}, 0));
  REQUIRE(inbox.add(1, chunk(2, 3), {5, 5}, 0)->whole);
  REQUIRE(inbox.bytes() == 0);
  REQUIRE(inbox.add(1, chunk(0, 2), {5, 5}, 0));
  REQUIRE(inbox.add(1, chunk(0, 5), {5, 5}, 0)->whole);
  REQUIRE(inbox.bytes() == 0);
}
