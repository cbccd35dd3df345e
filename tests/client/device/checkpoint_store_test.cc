#include "client/device/checkpoint_store.h"

#include <catch2/catch.hpp>
#include <numeric>

#include "client/session.h"
#include "tests/support/failing_fs.h"
#include "tests/support/memory_fs.h"
#include "tests/support/random_data.h"
#include "tests/support/stop_at.h"

using namespace fedqat;

namespace {

// 3 epochs of 4 batches, the last one smaller.
constexpr int kBatches = 12;

struct Fixture {
  std::unique_ptr<Fs> fs = std::make_unique<MemoryFs>();
  std::filesystem::path path = "checkpoint.bin";
  VirtualClock clock;
  Graph graph = *build_graph(every_layer_model({8, 8, 1}, 3), {8, 8, 8});
  Dataset data = blob_dataset({8, 8, 1}, 3, 50, 2);
  std::vector<std::uint32_t> samples = std::vector<std::uint32_t>(50);
  Work work;

  explicit Fixture(Phase phase) {
    std::iota(samples.begin(), samples.end(), 0U);
    ModelState model = init_model(graph, 1);
    if (phase == Phase::kQuantized) model = calibrated(graph, model, data);
    work.model = std::make_shared<const ModelState>(std::move(model));
    work.task.round = 4;
    work.task.phase = phase;
    work.task.client = 3;
    work.task.training = {3, 16, 0.05F, 0.9F, 1e-3F, 1e-2F, 1, phase == Phase::kObserve ? 20U : 0U};
    work.task.grid.assign(graph.params.size(), {8, 0.01F});
  }

  CheckpointStore store(std::int64_t interval_ms = 0) { return {*fs, path, clock, interval_ms}; }

  // Each call is a device that has just started.
  Result<SealedUpdate> train(Checkpointer* checkpointer) {
    LocalTrainer trainer(graph, data.grid);
    return Session::train(trainer, graph, work, data, samples, checkpointer);
  }
};

// Counts, and loses power after the n-th checkpoint.
class Mortal final : public Checkpointer {
 public:
  explicit Mortal(CheckpointStore store, int dies_after)
      : store_(std::move(store)), left_(dies_after) {}
  int kept = 0;
  bool resumed = false;

  std::optional<TrainCheckpoint> resume(const Digest& task) override {
    auto c = store_.resume(task);
    resumed = c.has_value();
    return c;
  }
  bool due() override { return store_.due(); }
  void keep(const TrainCheckpoint& c) override {
    store_.keep(c);
    ++kept;
    if (--left_ == 0) throw Stopped{"power"};
  }
  CheckpointStore& store() { return store_; }

 private:
  CheckpointStore store_;
  int left_;
};

void check_same(const Result<SealedUpdate>& a, const Result<SealedUpdate>& b) {
  REQUIRE(a);
  REQUIRE(b);
  CHECK(a->payload == b->payload);
  CHECK(a->stats == b->stats);
  CHECK(a->digest == b->digest);
}

}  // namespace

TEST_CASE("checkpoint: power lost after any batch, the resumed update has the same bits") {
  const auto [phase, backward] = GENERATE(std::pair(Phase::kWarmup, Backward::kFloat),
                                          std::pair(Phase::kObserve, Backward::kInt8),
                                          std::pair(Phase::kQuantized, Backward::kFloat),
                                          std::pair(Phase::kQuantized, Backward::kInt8));
  CAPTURE(phase_name(phase), backward);
  Fixture f(phase);
  f.work.task.training.backward = backward;
  const auto whole = f.train(nullptr);
  for (int n = 1; n <= kBatches; ++n) {
    CAPTURE(n);
    Mortal first(f.store(), n);
    REQUIRE_THROWS_AS(f.train(&first), Stopped);
    Mortal second(f.store(), 0);
    check_same(f.train(&second), whole);
    CHECK(second.resumed);
    CHECK(second.kept == kBatches - n);
    second.store().clear();
  }
}

TEST_CASE("checkpoint: power lost after every batch, training still ends, with the same bits") {
  Fixture f(Phase::kObserve);
  const auto whole = f.train(nullptr);
  for (int n = 0; n < kBatches; ++n) {
    Mortal mortal(f.store(), 1);
    REQUIRE_THROWS_AS(f.train(&mortal), Stopped);
  }
  Mortal last(f.store(), 1);
  check_same(f.train(&last), whole);
  CHECK(last.kept == 0);
}

TEST_CASE("checkpoint: a stop at any failpoint leaves a checkpoint that leads to the same bits") {
  Fixture f(Phase::kQuantized);
  const auto whole = f.train(nullptr);
  int stops = 0;
  for (int nth = 1;; ++nth) {
    const auto stopped = stop_at(nth, [&] {
      CheckpointStore store = f.store();
      (void)f.train(&store);
      store.clear();
    });
    CheckpointStore store = f.store();
    check_same(f.train(&store), whole);
    store.clear();
    if (!stopped) break;
    ++stops;
  }
  CHECK(stops == 2 * kBatches + 2);
}

TEST_CASE("checkpoint: a file that is cut or changed is refused and training starts afresh") {
  Fixture f(Phase::kWarmup);
  f.work.task.training.epochs = 1;
  const auto whole = f.train(nullptr);
  Mortal first(f.store(), 2);
  REQUIRE_THROWS_AS(f.train(&first), Stopped);
  const Bytes good = *f.fs->read(f.path);
  Digest task = decode_checkpoint(good)->task;
  REQUIRE(f.store().resume(task));
  for (std::size_t i = 0; i < good.size(); i += i < 100 ? 1 : good.size() / 50) {
    Bytes flipped = good;
    flipped[i] ^= std::byte(1 << i % 8);
    for (const ByteView bad : {ByteView(flipped), ByteView(good).first(i)}) {
      REQUIRE(f.fs->write_atomic(f.path, bad));
      CheckpointStore store = f.store();
      REQUIRE_FALSE(store.resume(task));
      CHECK_THAT(store.trouble()->what, Catch::Contains("training starts at its beginning"));
      CHECK_FALSE(f.fs->exists(f.path));
    }
  }
  REQUIRE(f.fs->write_atomic(f.path, ByteView(good).first(good.size() - 1)));
  CheckpointStore store = f.store();
  check_same(f.train(&store), whole);
}

TEST_CASE("checkpoint: another task, other samples or another model size begin at the beginning") {
  Fixture f(Phase::kWarmup);
  Mortal first(f.store(), 5);
  REQUIRE_THROWS_AS(f.train(&first), Stopped);
  const Bytes kept = *f.fs->read(f.path);
  const auto resumes = [&](auto change) {
    REQUIRE(f.fs->write_atomic(f.path, kept));
    Fixture other(Phase::kWarmup);
    change(other);
    CheckpointStore store = f.store();
    return store.resume(task_digest(other.work.task, other.data, other.samples)).has_value();
  };
  CHECK(resumes([](Fixture&) {}));
  CHECK(resumes([](Fixture& o) { o.work.task.deadline_ms = 1; }));
  CHECK_FALSE(resumes([](Fixture& o) { o.work.task.run = 1; }));
  CHECK_FALSE(resumes([](Fixture& o) { o.work.task.round = 1; }));
  CHECK_FALSE(resumes([](Fixture& o) { o.work.task.version = 1; }));
  CHECK_FALSE(resumes([](Fixture& o) { o.work.task.model_sha256[0] = std::byte{1}; }));
  CHECK_FALSE(resumes([](Fixture& o) { o.work.task.client = 1; }));
  CHECK_FALSE(resumes([](Fixture& o) { o.work.task.seed = 1; }));
  CHECK_FALSE(resumes([](Fixture& o) { o.work.task.training.momentum = 0; }));
  CHECK_FALSE(resumes([](Fixture& o) { std::swap(o.samples[0], o.samples[1]); }));
  CHECK_FALSE(resumes([](Fixture& o) { o.data.codes[0] ^= 1; }));
  CHECK_FALSE(resumes([](Fixture& o) { o.data.labels[0] ^= 1; }));

  const auto whole = f.train(nullptr);
  const auto trains_as_before = [&](auto change) {
    TrainCheckpoint c = *decode_checkpoint(kept);
    change(c);
    REQUIRE(f.fs->write_atomic(f.path, encode_checkpoint(c)));
    CheckpointStore store = f.store();
    check_same(f.train(&store), whole);
  };
  trains_as_before([](TrainCheckpoint& c) { c.params.pop_back(); });
  trains_as_before([](TrainCheckpoint& c) { c.velocity.clear(); });
  trains_as_before([](TrainCheckpoint& c) { c.histograms.emplace_back(); });
  trains_as_before([](TrainCheckpoint& c) { c.epoch = 3; });
  trains_as_before([](TrainCheckpoint& c) { c.next_sample = 51; });
  trains_as_before([](TrainCheckpoint& c) { c.next_sample = 17; });
  trains_as_before([](TrainCheckpoint& c) { c.seen = 0; });
}

TEST_CASE("checkpoint: all fields come back") {
  TrainCheckpoint c{sha256({}), 1, 2, 3, -0.0, {1, 2}, {3, 4}, std::vector<Log2Histogram>(2)};
  c.histograms[0].zeros = 5;
  c.histograms[1].positive[255] = 6;
  c.histograms[1].negative[0] = 7;
  CHECK(*decode_checkpoint(encode_checkpoint(c)) == c);
  CHECK(std::signbit(decode_checkpoint(encode_checkpoint(c))->loss));
}

TEST_CASE("checkpoint: one is due after each interval, and a full disk does not stop training") {
  Fixture f(Phase::kWarmup);
  CheckpointStore store = f.store(1000);
  CHECK_FALSE(store.due());
  f.clock.advance_to(999);
  CHECK_FALSE(store.due());
  f.clock.advance_to(1000);
  CHECK(store.due());
  store.keep({});
  CHECK_FALSE(store.due());
  f.clock.advance_to(1500);
  CHECK_FALSE(store.resume(Digest{std::byte{1}}));  // resets the interval
  f.clock.advance_to(2000);
  CHECK_FALSE(store.due());

  FailingFs full(*f.fs);
  full.failing = true;
  CheckpointStore failing(full, f.path, f.clock, 0);
  check_same(f.train(&failing), f.train(nullptr));
  CHECK(failing.trouble()->code == Errc::kIo);
  CHECK_FALSE(failing.trouble());
}
