#include "client/session.h"

#include <catch2/catch.hpp>
#include <deque>
#include <functional>
#include <numeric>

#include "common/codec/update_codec.h"
#include "common/wire/broadcast.h"
#include "tests/support/random_data.h"

using namespace fedqat;

namespace {

// Answers from a script; what it has no answer for is lost.
class Script final : public Transport {
 public:
  Result<Bytes> call(ByteView request) override {
    auto decoded = decode_request(request);
    REQUIRE(decoded);
    requests.push_back(std::move(*decoded));
    if (replies.empty()) return Error{Errc::kTimeout, "no answer"};
    Bytes reply = encode_reply(replies.front());
    replies.pop_front();
    return reply;
  }
  std::deque<Reply> replies;
  std::vector<Request> requests;
};

struct Fixture {
  Graph graph = *build_graph(every_layer_model({8, 8, 1}, 3), {8, 8, 8});
  Bytes broadcast = encode_broadcast(graph, init_model(graph, 1), 8);
  Task task;
  Script transport;
  ModelCache cache;
  Session session{transport, graph, cache};

  Fixture() {
    task.round = 1;
    task.phase = Phase::kWarmup;
    task.model_sha256 = sha256(broadcast);
    task.model_size = broadcast.size();
    for (std::size_t i = 0; i < graph.params.size(); ++i) task.grid.push_back({8, 0.01F});
  }
  ModelChunk chunk() const { return {0, 0, 1, task.model_sha256, broadcast}; }
};

SealedUpdate big_update() {
  SealedUpdate u{1, 1, 0, {}, Bytes(2 * kChunkBytes + 10, std::byte{1}), {std::byte{2}}};
  u.digest = update_digest(u.payload, u.stats);
  return u;
}

}  // namespace

TEST_CASE("session: check in, fetch, and the model is decoded once") {
  Fixture f;
  f.transport.replies = {{0, f.task}, {0, f.chunk()}, {0, f.task}, {0, f.chunk()}};
  const auto first = f.session.begin(), second = f.session.begin();
  REQUIRE((first && second));
  REQUIRE(std::get<Work>(*first).model == std::get<Work>(*second).model);
}

TEST_CASE("session: it waits when told so and leaves when the run is over") {
  Fixture f;
  f.transport.replies = {{1500, RetryLater{}}, {0, Refusal{RefusalCode::kFinished, ""}}};
  const auto later = f.session.begin(), over = f.session.begin();
  REQUIRE(std::get<Idle>(*later).retry_after_ms == 1500);
  REQUIRE(std::get<Idle>(*over).finished);
  REQUIRE(f.session.begin().error().code == Errc::kTimeout);
}

TEST_CASE("session: a model that is not the task's is refused") {
  Fixture f;
  auto bad = f.chunk();
  bad.data[3] ^= std::byte{1};
  f.transport.replies = {{0, f.task}, {0, bad}};
  REQUIRE(f.session.begin().error().code == Errc::kCorrupt);
  bad = f.chunk();
  bad.version = 5;
  f.transport.replies = {{0, f.task}, {0, bad}};
  REQUIRE_FALSE(f.session.begin());
  Task other = f.task;
  other.grid.pop_back();
  f.transport.replies = {{0, other}};
  REQUIRE_FALSE(f.session.begin());
  f.transport.replies = {{0, Ack{}}};
  REQUIRE_FALSE(f.session.begin());
}

TEST_CASE("session: a task that does not fit the network or its model is refused, not run") {
  Fixture f;
  const auto refuses = [&](auto change) {
    Task task = f.task;
    change(task);
    f.transport.replies = {{0, task}, {0, f.chunk()}};
    const auto begun = f.session.begin();
    REQUIRE_FALSE(begun);
    return begun.error();
  };
  CHECK_THAT(refuses([](Task& t) { t.phase = Phase::kFloat; }).what, Catch::Contains("task.phase"));
  CHECK_THAT(refuses([](Task& t) { t.phase = Phase::kFrozen; }).what,
             Catch::Contains("broadcast.quantized"));
  CHECK_THAT(refuses([](Task& t) { t.training.calibration_samples = 5; }).what,
             Catch::Contains("task.calibration_samples"));
  CHECK(refuses([](Task& t) { t.phase = Phase::kObserve; }).code == Errc::kInvalid);
}

TEST_CASE("session: a quantized model that is to be observed is refused, not run") {
  Fixture f;
  const Dataset data = blob_dataset({8, 8, 1}, 3, 30, 2);
  const auto model =
      std::make_shared<const ModelState>(calibrated(f.graph, init_model(f.graph, 1), data));
  const std::vector<std::uint32_t> samples = {0, 1, 2};
  LocalTrainer trainer(f.graph, data.grid);
  Task task = f.task;
  task.phase = Phase::kObserve;
  task.training.calibration_samples = 2;
  const auto observed = Session::train(trainer, f.graph, {task, model}, data, samples);
  REQUIRE(observed.error().code == Errc::kInvalid);
  task.phase = Phase::kQuantized;
  REQUIRE_FALSE(Session::train(trainer, f.graph, {task, model}, data, samples));
  task.training.calibration_samples = 0;
  REQUIRE(Session::train(trainer, f.graph, {task, model}, data, samples));
}

TEST_CASE("session: an upload goes on where the coordinator says") {
  Fixture f;
  const SealedUpdate update = big_update();
  const std::uint64_t one = kChunkBytes;
  f.transport.replies = {{0, Ack{1, 1, one, false}},
                         {0, Ack{1, 1, 0, false}},  // it was restarted and knows nothing
                         {0, Ack{1, 1, one, false}},
                         {0, Ack{1, 1, 2 * one, false}},
                         {0, Ack{1, 1, 2 * one + 10, true}}};
  const auto outcome = f.session.finish(update);
  REQUIRE(outcome);
  REQUIRE(std::holds_alternative<Counted>(*outcome));
  std::vector<std::uint64_t> offsets;
  for (const Request& r : f.transport.requests) {
    const auto& chunk = std::get<UploadUpdate>(r);
    offsets.push_back(chunk.offset);
    REQUIRE(chunk.last() == !chunk.stats.empty());
  }
  REQUIRE(offsets == std::vector<std::uint64_t>{0, one, 0, one, 2 * one});
}

TEST_CASE("session: refusals are values, endless repetition is an error") {
  Fixture f;
  f.transport.replies = {{0, Refusal{RefusalCode::kLate, "late"}}};
  const auto late = f.session.finish(big_update());
  REQUIRE(std::get<Refusal>(*late).code == RefusalCode::kLate);
  for (int i = 0; i < 100; ++i) f.transport.replies.push_back({0, Ack{1, 1, 0, false}});
  REQUIRE(f.session.finish(big_update()).error().code == Errc::kUnavailable);
  f.transport.replies = {{0, Ack{1, 1, 1ULL << 40, false}}};
  REQUIRE(f.session.finish(big_update()).error().code == Errc::kCorrupt);
}

TEST_CASE("session: a trained update fits the task's grid and is the same every time") {
  Fixture f;
  const Dataset data = blob_dataset({8, 8, 1}, 3, 30, 2);
  std::vector<std::uint32_t> samples(30);
  std::iota(samples.begin(), samples.end(), 0U);
  f.transport.replies = {{0, f.task}, {0, f.chunk()}};
  const auto begun = f.session.begin();
  LocalTrainer trainer(f.graph, data.grid);
  const auto& work = std::get<Work>(*begun);
  const auto a = Session::train(trainer, f.graph, work, data, samples);
  const auto b = Session::train(trainer, f.graph, work, data, samples);
  REQUIRE((a && b));
  REQUIRE(a->digest == b->digest);
  REQUIRE(a->payload.size() == f.graph.param_count);
  REQUIRE(decode_stats(a->stats)->samples == 30);
}

namespace {

// A model of some chunks for the network of f.
void use_big_model(Fixture& f) {
  f.broadcast.resize(2 * kChunkBytes + 100);
  f.task.model_size = f.broadcast.size();
  f.task.model_sha256 = sha256(f.broadcast);
}

ModelChunk part(const Fixture& f, std::uint32_t i) {
  const ByteView data = ByteView(f.broadcast).subspan(i * kChunkBytes);
  const ByteView piece = data.first(std::min(kChunkBytes, data.size()));
  return {0, i, 3, f.task.model_sha256, Bytes(piece.begin(), piece.end())};
}

}  // namespace

TEST_CASE("session: after a cut the download goes on with the chunk that is missing") {
  Fixture f;
  use_big_model(f);
  Download download;
  f.transport.replies = {{0, part(f, 0)}, {0, part(f, 1)}};
  REQUIRE(f.session.fetch(f.task, download).error().code == Errc::kTimeout);
  REQUIRE(download.data.size() == 2 * kChunkBytes);
  f.transport.requests.clear();
  f.transport.replies = {{0, part(f, 2)}};
  // It arrives whole; that it is no model of this network is found after the hash.
  REQUIRE_THAT(f.session.fetch(f.task, download).error().what, !Catch::Contains("SHA-256"));
  REQUIRE(f.transport.requests.size() == 1);
  REQUIRE(std::get<FetchModel>(f.transport.requests[0]).chunk == 2);
  REQUIRE(download.data.empty());
}

TEST_CASE("session: what was downloaded of another model is not used") {
  Fixture f;
  use_big_model(f);
  Download download;
  f.transport.replies = {{0, part(f, 0)}};
  REQUIRE_FALSE(f.session.fetch(f.task, download));
  const Fixture other;
  f.transport.replies = {{0, other.chunk()}};
  const auto work = f.session.fetch(other.task, download);
  REQUIRE(work);
}

TEST_CASE("session: a device downloads no model that it has") {
  Fixture f;
  Download download;
  f.transport.replies = {{0, f.chunk()}};
  const auto first = f.session.fetch(f.task, download);
  const auto second = f.session.fetch(f.task, download);
  REQUIRE((first && second));
  REQUIRE(f.transport.requests.size() == 1);
  REQUIRE(first->model == second->model);
}

TEST_CASE("session: what a sparse update leaves out is in the next one") {
  Fixture f;
  for (std::size_t t = 0; t < f.graph.params.size(); ++t) {
    if (f.graph.params[t].size < 100) continue;
    f.task.grid[t] = {2, 1, UpdateCodec::kSparse, 0.1F};
  }
  f.task.training.learning_rate = 0.1F;
  f.task.training.batch = 8;
  const Dataset data = random_dataset({8, 8, 1}, 3, 16, 1);
  std::vector<std::uint32_t> samples(16);
  std::iota(samples.begin(), samples.end(), 0U);
  LocalTrainer trainer(f.graph, data.grid);
  const Work work{f.task, std::make_shared<const ModelState>(init_model(f.graph, 1))};
  const auto delta = trainer.train(*work.model, f.task, data, samples)->delta;
  UpdateGrid grid;
  for (std::size_t t = 0; t < f.graph.params.size(); ++t) {
    const GridSpec& g = f.task.grid[t];
    grid.push_back({f.graph.params[t].size, g.bits, g.step, g.codec, g.share});
  }
  std::vector<float> memory;
  std::vector<double> sent(delta.size());
  for (int round = 1; round <= 30; ++round) {  // the same training again and again
    const auto update = Session::train(trainer, f.graph, work, data, samples, nullptr, memory);
    REQUIRE(update);
    memory = update->memory;
    REQUIRE(memory.size() == delta.size());
    const auto values = *decode_update(grid, update->payload);
    std::size_t at = 0;
    for (const TensorGrid& g : grid) {
      for (std::size_t i = at; i < at + g.size; ++i) {
        sent[i] += double{values[i]};
        if (g.codec != UpdateCodec::kSparse) REQUIRE(memory[i] == 0);
        if (g.codec == UpdateCodec::kSparse) {
          REQUIRE(sent[i] + double{memory[i]} == Approx(round * double{delta[i]}).margin(1e-5));
        }
      }
      at += g.size;
    }
  }
  const auto fresh = Session::train(trainer, f.graph, work, data, samples, nullptr,
                                    std::vector<float>(3, 1.0F));  // of another network
  CHECK(fresh->payload == Session::train(trainer, f.graph, work, data, samples)->payload);
}
