#include <catch2/catch.hpp>
#include <cstring>
#include <deque>

#include "client/session.h"
#include "common/wire/broadcast.h"
#include "common/wire/difference.h"

using namespace fedqat;

namespace {

class Script final : public Transport {
 public:
  Result<Bytes> call(ByteView request) override {
    auto decoded = decode_request(request);
    REQUIRE(decoded);
    requests.push_back(std::get<FetchModel>(*decoded));
    if (replies.empty()) return Error{Errc::kTimeout, "no answer"};
    Bytes reply = encode_reply(replies.front());
    replies.pop_front();
    return reply;
  }
  std::deque<Reply> replies;
  std::vector<FetchModel> requests;
};

constexpr std::uint64_t kSeed = 5;

// A model that moves by itself, with what a coordinator would send of it.
struct Fixture {
  Graph graph = *build_graph(*model_from_zoo("mlp-64", {8, 8, 1}, 3), {8, 8, 8});
  ModelState model = init_model(graph, kSeed), held = model;
  Task task;
  std::vector<Bytes> steps;  // to version 1, 2, ...
  Script transport;
  ModelCache cache;
  Session session{transport, graph, cache};
  Download download;

  Fixture() {
    task.seed = kSeed;
    task.phase = Phase::kWarmup;
    task.steps_from = 0;
    for (std::size_t i = 0; i < graph.params.size(); ++i) task.grid.push_back({8, 0.01F});
    publish();
  }
  void publish() {
    const Bytes bytes = whole();
    task.model_sha256 = sha256(bytes);
    task.model_size = bytes.size();
    task.round = static_cast<std::uint32_t>(task.version + 1);
  }
  void move_on() {
    for (float& v : model.params) v += 0.01F;
    const Bytes step = encode_difference(graph, held.params, model, 4, Rng({.seed = 1}));
    held = *apply_difference(graph, held.params, step);
    Bytes framed(sizeof(std::uint32_t));
    const auto size = static_cast<std::uint32_t>(step.size());
    std::memcpy(framed.data(), &size, sizeof size);
    framed.insert(framed.end(), step.begin(), step.end());
    steps.push_back(std::move(framed));
    ++task.version;
    publish();
  }
  Bytes whole() const { return encode_plain(graph, held); }
  Reply chunk(Bytes data) const {
    return {0, ModelChunk{task.version, 0, 1, task.model_sha256, std::move(data)}};
  }
  Bytes steps_from(std::size_t version) const {
    Bytes all;
    for (std::size_t v = version; v < steps.size(); ++v) {
      all.insert(all.end(), steps[v].begin(), steps[v].end());
    }
    return all;
  }
  // Fetches the task's model, which has to be there.
  void fetch() {
    transport.requests.clear();
    const auto work = session.fetch(task, download);
    REQUIRE(work);
    CHECK(work->model->params == held.params);
    CHECK(download.data.empty());
  }
};

}  // namespace

TEST_CASE("steps: the model of version 0 follows from the seed, and nothing is fetched") {
  Fixture f;
  f.fetch();
  CHECK(f.transport.requests.empty());
}

TEST_CASE("steps: who holds an older model fetches the steps since, who holds none the whole") {
  Fixture f;
  f.move_on();
  f.transport.replies = {f.chunk(f.steps_from(0))};  // from the seed
  f.fetch();
  REQUIRE(f.transport.requests.size() == 1);
  CHECK(f.transport.requests[0].from == 0U);
  f.move_on();
  f.move_on();
  f.transport.replies = {f.chunk(f.steps_from(1))};
  f.fetch();
  CHECK(f.transport.requests[0].from == 1U);
  f.move_on();
  f.task.steps_from = 4;  // too old
  f.transport.replies = {f.chunk(f.whole())};
  f.fetch();
  CHECK_FALSE(f.transport.requests[0].from);
  f.fetch();
  CHECK(f.transport.requests.empty());
}

TEST_CASE("steps: what does not lead to the task's model is made up for by the whole") {
  const auto falls_back = [](auto spoil) {
    Fixture f;
    f.move_on();
    Bytes bytes = f.steps_from(0);
    spoil(bytes);
    f.transport.replies = {f.chunk(bytes), f.chunk(f.whole())};
    f.fetch();
    CHECK(f.transport.requests.size() == 2);
    CHECK_FALSE(f.transport.requests.back().from);
  };
  falls_back([](Bytes& b) { b[b.size() / 2] ^= std::byte{1}; });
  falls_back([](Bytes& b) { b.pop_back(); });
  falls_back([](Bytes& b) { b.push_back(std::byte{1}); });
  falls_back([](Bytes& b) { b[3] = std::byte{255}; });
  falls_back([](Bytes& b) { b.clear(); });
  falls_back([](Bytes& b) {
    const Bytes again = b;
    b.insert(b.end(), again.begin(), again.end());
  });
}

TEST_CASE("steps: a wrong whole behind wrong steps is refused, and nothing is kept of either") {
  Fixture f;
  f.move_on();
  Bytes whole = f.whole();
  whole[whole.size() / 2] ^= std::byte{1};
  f.transport.replies = {f.chunk({}), f.chunk(whole)};
  CHECK(f.session.fetch(f.task, f.download).error().code == Errc::kCorrupt);
  CHECK_FALSE(f.cache.newest());
  f.transport.replies = {f.chunk(f.steps_from(0))};
  f.fetch();
}

TEST_CASE("steps: more bytes than the whole model are not taken") {
  Fixture f;
  f.move_on();
  f.transport.replies = {f.chunk(Bytes(f.task.model_size + 1))};
  CHECK(f.session.fetch(f.task, f.download).error().code == Errc::kCorrupt);
  Reply endless = f.chunk(Bytes(kChunkBytes));
  std::get<ModelChunk>(endless.body).chunks = 1000;
  f.transport.replies = {endless};
  CHECK(f.session.fetch(f.task, f.download).error().code == Errc::kCorrupt);
}

TEST_CASE("steps: a lost reply or a refusal is told, and the next attempt fetches them") {
  Fixture f;
  f.move_on();
  CHECK(f.session.fetch(f.task, f.download).error().code == Errc::kTimeout);
  f.transport.replies = {{0, Refusal{RefusalCode::kUnknownModel, "gone"}}};
  CHECK(f.session.fetch(f.task, f.download).error().code == Errc::kRejected);
  f.transport.replies = {f.chunk(f.steps_from(0))};
  f.fetch();
}
