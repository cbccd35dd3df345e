#include "common/wire/frame.h"

#include <catch2/catch.hpp>

#include "common/base/rng.h"
#include "common/wire/protocol.pb.h"

using namespace fedqat;

namespace {

wire::Request some_request() {
  wire::Request request;
  request.mutable_fetch_model()->set_version(7);
  request.mutable_fetch_model()->set_chunk(3);
  return request;
}

}  // namespace

TEST_CASE("frame: a message comes back from its frame") {
  const Bytes frame = make_frame(some_request());
  REQUIRE(*frame_size(frame) == frame.size());
  wire::Request back;
  REQUIRE(parse_frame(frame, back));
  REQUIRE(back.fetch_model().version() == 7);
}

TEST_CASE("frame: a length above 1 MiB is refused before anything is read") {
  const Bytes header = {std::byte{0xFD}, std::byte{0xFF}, std::byte{0x0F}, std::byte{0}};
  REQUIRE(frame_size(header).error().code == Errc::kCorrupt);
  Bytes largest = header;
  largest[0] = std::byte{0xFC};
  REQUIRE(*frame_size(largest) == kMaxFrame);
}

TEST_CASE("frame: a message within a message that announces more than there is is refused") {
  // fetch_model of 2^25 bytes, in it a field that nobody knows, also of about 2^25 bytes.
  const auto tag = static_cast<unsigned>(wire::Request::kFetchModelFieldNumber << 3 | 2);
  Bytes message;
  for (const unsigned b :
       {tag, 0x80U, 0x80U, 0x80U, 0x10U, 0xFAU, 0x01U, 0xF0U, 0xFFU, 0xFFU, 0x0FU}) {
    message.push_back(std::byte(b));
  }
  message.resize(1000);
  wire::Request request;
  REQUIRE_FALSE(parse(message, request));
}

TEST_CASE("frame: a length is held against the message around it, at any depth") {
  // fetch_model, in it a field of 100 bytes that nobody knows; its length and that of the whole.
  const auto message = [](unsigned outer, unsigned inner) {
    const auto tag = static_cast<unsigned>(wire::Request::kFetchModelFieldNumber << 3 | 2);
    Bytes bytes;
    for (const unsigned b : {tag, outer, 0xFAU, 0x01U, inner}) bytes.push_back(std::byte(b));
    bytes.resize(5 + 100);
    return bytes;
  };
  wire::Request request;
  REQUIRE(parse(message(103, 100), request));
  REQUIRE_FALSE(parse(message(103, 101), request));
  REQUIRE_FALSE(parse(message(104, 100), request));
}

TEST_CASE("frame: cut, extended and overlong frames are refused") {
  const Bytes frame = make_frame(some_request());
  wire::Request back;
  for (std::size_t n = 0; n < frame.size(); ++n) {
    REQUIRE_FALSE(parse_frame(ByteView(frame).first(n), back));
  }
  Bytes longer = frame;
  longer.push_back(std::byte{0});
  REQUIRE_FALSE(parse_frame(longer, back));
}
