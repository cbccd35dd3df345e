#include "common/wire/messages.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "common/base/rng.h"
#include "common/wire/frame.h"
#include "common/wire/protocol.pb.h"

using namespace fedqat;

namespace {

Digest digest(int fill) {
  Digest d;
  d.fill(std::byte(fill));
  return d;
}

UpdateStats some_stats() {
  UpdateStats s{100, 300, 12345, 7, {0.5F, 0, 3}, std::vector<Log2Histogram>(2)};
  s.histograms[0].zeros = 9;
  s.histograms[0].positive[200] = 4;
  s.histograms[1].negative[255] = 1;
  return s;
}

Task some_task() {
  Task t;
  t.run = 0x0123456789ABCDEF;
  t.round = 3;
  t.version = 2;
  t.config_hash = digest(1);
  t.model_sha256 = digest(2);
  t.model_size = 1000;
  t.phase = Phase::kQuantized;
  t.client = 42;
  t.seed = 9;
  t.deadline_ms = 600000;
  t.training = {2, 64, 0.1F, 0.9F, 1e-4F, 0.01F, 1.5F, 0, Backward::kInt8, 0, 0.25F};
  t.grid = {{8, 0.01F}, {16, 1e-5F}, {0, 1}, {32, 1}};
  return t;
}

UploadUpdate some_upload() {
  UploadUpdate u{1, 2, 1, {}, 5, 0, Bytes(5, std::byte{7}), encode_stats(some_stats())};
  u.digest = update_digest(u.data, u.stats);
  return u;
}

template <class Message, class Proto>
Result<Reply> decode_changed(const Message& message, void (*change)(Proto&)) {
  wire::Reply p;
  REQUIRE(parse_frame(encode_reply({0, message}), p));
  change(*p.mutable_task());
  return decode_reply(make_frame(p));
}

}  // namespace

TEST_CASE("messages: requests come back") {
  const auto upload = some_upload();
  const auto request = decode_request(encode_request(upload));
  REQUIRE(request);
  const auto& back = std::get<UploadUpdate>(*request);
  REQUIRE(back.digest == upload.digest);
  REQUIRE(back.data == upload.data);
  REQUIRE(back.stats == upload.stats);
  REQUIRE(back.last());
  REQUIRE(std::get<CheckIn>(*decode_request(encode_request(CheckIn{1}))).protocol == 1);
  REQUIRE(std::get<FetchNetwork>(*decode_request(encode_request(FetchNetwork{5}))).run == 5);
  const auto whole = std::get<FetchModel>(*decode_request(encode_request(FetchModel{5, 6, 7})));
  REQUIRE(whole.chunk == 7);
  REQUIRE_FALSE(whole.from);
  const auto steps = decode_request(encode_request(FetchModel{5, 6, 7, 0}));
  REQUIRE(std::get<FetchModel>(*steps).from == 0U);
}

TEST_CASE("messages: the data of an upload stays in its frame") {
  for (const std::size_t size : {std::size_t{1}, std::size_t{1000}, kChunkBytes}) {
    UploadUpdate upload = some_upload();
    upload.data = Bytes(size, std::byte{7});
    upload.payload_size = size;
    Bytes frame = encode_request(upload);
    const std::byte* const begin = frame.data();
    const std::byte* const end = begin + frame.size();
    const auto request = decode_request(std::move(frame));
    REQUIRE(request);
    const Slice& data = std::get<UploadUpdate>(*request).data;
    REQUIRE(data == upload.data);
    REQUIRE(data.begin() > begin);
    REQUIRE(data.end() < end);
  }
}

TEST_CASE("messages: an upload with lengths longer than they need be is as Protobuf has it") {
  UploadUpdate upload = some_upload();
  upload.data = Bytes(1000, std::byte{7});
  upload.payload_size = upload.data.size();
  Bytes frame = encode_request(upload);
  // Behind the frame's header and the tag: the upload's length, two bytes, as six, which Protobuf
  // refuses.
  const std::size_t at = kFrameHeader + 1;
  REQUIRE((frame[at] & std::byte{0x80}) != std::byte{0});
  REQUIRE((frame[at + 1] & std::byte{0x80}) == std::byte{0});
  frame[at + 1] |= std::byte{0x80};
  const Bytes more = {std::byte{0x80}, std::byte{0x80}, std::byte{0x80}, std::byte{0}};
  frame.insert(frame.begin() + static_cast<std::ptrdiff_t>(at) + 2, more.begin(), more.end());
  const std::size_t length = frame.size() - kFrameHeader;
  for (std::size_t i = 0; i < kFrameHeader; ++i) frame[i] = std::byte(length >> (8 * i) & 255);
  wire::Request protobuf;
  REQUIRE_FALSE(parse_frame(frame, protobuf));
  REQUIRE_FALSE(decode_request(ByteView(frame)));
}

TEST_CASE("messages: statistics come back") {
  const auto back = decode_stats(encode_stats(some_stats()));
  REQUIRE(back);
  REQUIRE(back->samples == 100);
  REQUIRE(back->seen == 300);
  REQUIRE(back->loss == 12345);
  REQUIRE(back->max_abs == some_stats().max_abs);
  REQUIRE(back->histograms == some_stats().histograms);
}

TEST_CASE("messages: replies come back") {
  const auto reply = decode_reply(encode_reply({1500, some_task()}));
  REQUIRE(reply);
  REQUIRE(reply->retry_after_ms == 1500);
  const auto& task = std::get<Task>(reply->body);
  REQUIRE(task.run == 0x0123456789ABCDEF);
  REQUIRE(task.phase == Phase::kQuantized);
  REQUIRE(task.training.scale_learning_rate == 1.5F);
  REQUIRE(task.training.backward == Backward::kInt8);
  REQUIRE(task.training.kure == 0.25F);
  REQUIRE(task.grid == some_task().grid);
  const ModelChunk chunk{4, 1, 2, digest(3), Bytes(10)};
  REQUIRE(std::get<ModelChunk>(decode_reply(encode_reply({0, chunk}))->body).data == chunk.data);
  REQUIRE(std::get<Ack>(decode_reply(encode_reply({0, Ack{1, 2, 3, true}}))->body).complete);
  const auto refusal = decode_reply(encode_reply({0, Refusal{RefusalCode::kLate, "too late"}}));
  REQUIRE(std::get<Refusal>(refusal->body).text == "too late");
}

TEST_CASE("messages: a task that does not say how gradients are computed means fp32") {
  const auto r = decode_changed(
      some_task(), +[](wire::TaskProto& t) { t.clear_backward(); });
  REQUIRE(r);
  CHECK(std::get<Task>(r->body).training.backward == Backward::kFloat);
}

TEST_CASE("messages: a task with a bad field is refused and the field is named") {
  const auto refuses = [](void (*change)(wire::TaskProto&), const char* field) {
    const auto r = decode_changed(some_task(), change);
    REQUIRE_FALSE(r);
    REQUIRE_THAT(r.error().what, Catch::Contains(field));
  };
  refuses([](wire::TaskProto& t) { t.set_round(0); }, "task.round");
  refuses([](wire::TaskProto& t) { t.set_config_hash("short"); }, "task.config_hash");
  refuses([](wire::TaskProto& t) { t.set_phase(9); }, "task.phase");
  refuses([](wire::TaskProto& t) { t.set_steps_from(t.version() + 1); }, "task.steps_from");
  refuses([](wire::TaskProto& t) { t.set_epochs(0); }, "task.epochs");
  refuses([](wire::TaskProto& t) { t.set_batch(5000); }, "task.batch");
  refuses([](wire::TaskProto& t) { t.set_momentum(1); }, "task.momentum");
  refuses([](wire::TaskProto& t) { t.set_backward(2); }, "task.backward");
  refuses([](wire::TaskProto& t) { t.set_kure(-1); }, "task.kure");
  refuses([](wire::TaskProto& t) { t.set_learning_rate(std::nanf("")); }, "task.learning_rate");
  refuses([](wire::TaskProto& t) { t.mutable_grid(0)->set_bits(17); }, "task");
  refuses([](wire::TaskProto& t) { t.mutable_grid(0)->set_step(-1); }, "task");
  refuses([](wire::TaskProto& t) { t.mutable_grid(0)->set_bits(0xFFFFFFFF); }, "task.grid");
}

TEST_CASE("messages: bad statistics and uploads are refused") {
  const auto refuses = [](auto change) {
    UpdateStats s = some_stats();
    change(s);
    REQUIRE_FALSE(decode_stats(encode_stats(s)));
  };
  refuses([](UpdateStats& s) { s.samples = 0; });
  refuses([](UpdateStats& s) { s.samples = kMaxSamples + 1; });
  refuses([](UpdateStats& s) { s.seen = 99; });
  refuses([](UpdateStats& s) { s.max_abs[0] = std::numeric_limits<float>::infinity(); });
  refuses([](UpdateStats& s) { s.max_abs[0] = -1; });
  refuses([](UpdateStats& s) { s.histograms[0].positive[0] = kMaxBinCount + 1; });
  auto upload = some_upload();
  upload.stats.clear();  // the last chunk without them
  REQUIRE_FALSE(decode_request(encode_request(upload)));
  upload = some_upload();
  upload.offset = 1;  // runs over the end
  REQUIRE_FALSE(decode_request(encode_request(upload)));
}

TEST_CASE("messages: any bytes decode or are refused") {
  Rng rng({.seed = 12});
  const std::vector<Bytes> good = {
      encode_request(some_upload()), encode_request(CheckIn{}), encode_reply({1, some_task()}),
      encode_reply({0, ModelChunk{4, 1, 2, digest(3), Bytes(10)}}), encode_stats(some_stats())};
  for (int i = 0; i < 50000; ++i) {
    Bytes bytes = good[rng.below(static_cast<std::uint32_t>(good.size()))];
    for (std::uint32_t k = rng.below(4) + 1; k > 0; --k) {
      bytes[rng.below(static_cast<std::uint32_t>(bytes.size()))] = std::byte(rng.next_u32() & 255);
    }
    if (rng.below(4) == 0) bytes.resize(rng.below(static_cast<std::uint32_t>(bytes.size())));
    (void)decode_request(bytes);
    (void)decode_reply(bytes);
    (void)decode_stats(bytes);
  }
}
