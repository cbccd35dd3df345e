// The protocol from the client's side: check in and fetch the model, train, upload. The three are
// separate so that a simulator can train many clients at once; a device runs one after the other.
#pragma once

#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "client/local_trainer.h"
#include "common/net/transport.h"
#include "common/wire/messages.h"

namespace fedqat {

// The last model of a run that was received, so that it is decoded once and steps to the next begin
// at it. Not thread-safe.
class ModelCache {
 public:
  using Model = std::shared_ptr<const ModelState>;

  ModelCache() = default;
  // many: also those that steps may begin at; of a simulator, where one cache is that of all.
  explicit ModelCache(bool many) : many_(many) {}

  Model find(const Digest& sha256) const;
  Model find(std::uint64_t version) const;
  std::optional<std::uint64_t> newest() const;
  void keep(const Task& task, Model model);

 private:
  struct Entry {
    std::uint64_t version;
    Digest sha256;
    Model model;
  };
  bool many_ = false;
  std::vector<Entry> models_;
};

struct Work {
  Task task;
  std::shared_ptr<const ModelState> model;
};
struct Idle {
  std::uint32_t retry_after_ms = 0;
  bool finished = false;  // the run is over: do not come back
};

// What has arrived of a model; kept over a lost connection so that no chunk is fetched twice.
struct Download {
  Digest sha256{};
  std::optional<std::uint64_t> from = {};  // of steps; none: the model is whole
  Bytes data = {};                         // whole chunks
};

// A trained update, complete: to be stored before it is sent, and sent as often as it takes.
struct SealedUpdate {
  std::uint64_t run = 0;
  std::uint32_t round = 0;
  std::uint64_t version = 0;
  Digest digest{};
  Bytes payload;
  Bytes stats;
  // What the codec left out, of this round and those before: to be given to the next train() once
  // this update counts, and not before. Empty where no tensor has error feedback (kSparse).
  std::vector<float> memory = {};
};

struct Counted {};  // acknowledged: it is in the sum, once
using UploadOutcome = std::variant<Counted, Refusal>;

// Not thread-safe; `transport`, `graph` and `cache` must outlive it.
class Session {
 public:
  Session(Transport& transport, const Graph& graph, ModelCache& cache)
      : transport_(transport), graph_(graph), cache_(cache) {}

  // Errors: those of the transport; kCorrupt, kInvalid for a reply that does not fit; kRejected
  // with the coordinator's reason.
  //
  // Checks in and downloads the model whatever the cache has: the simulator's one cache stands for
  // many devices that each download. held: the version that this one has from before, and then has,
  // where steps can be had; null: none.
  Result<std::variant<Work, Idle>> begin(std::optional<std::uint64_t>* held = nullptr);
  // The model of a task that check_in() gave: from the cache, by steps from the one there, or
  // downloaded whole from where `download` is; that is empty afterwards, unless the transport
  // failed.
  Result<Work> fetch(Task task, Download& download);
  Result<UploadOutcome> finish(const SealedUpdate& update);
  std::uint32_t retry_after_ms() const { return retry_after_ms_; }  // of finish()'s last reply

  // No I/O; on any thread, with a trainer of its own. kInvalid: training diverged, or the task does
  // not fit the network. memory: of the last update that counted in the run; empty, or of another
  // network: none.
  static Result<SealedUpdate> train(LocalTrainer& trainer, const Graph& graph, const Work& work,
                                    const Dataset& data, std::span<const std::uint32_t> samples,
                                    Checkpointer* checkpointer = nullptr,
                                    std::span<const float> memory = {});

 private:
  Result<ModelCache::Model> load(const Task& task, std::optional<std::uint64_t> held,
                                 Download& download);
  Result<ModelCache::Model> follow(const Task& task, std::uint64_t from, Download& download);
  Result<Bytes> fetch_bytes(const Task& task, std::optional<std::uint64_t> from,
                            Download& download);

  Transport& transport_;
  const Graph& graph_;
  ModelCache& cache_;
  std::uint32_t retry_after_ms_ = 0;
};

struct CheckInAnswer {
  std::uint32_t retry_after_ms = 0;
  std::variant<Task, RetryLater, Refusal> answer;
};
// Errors of the transport; kCorrupt, kInvalid for a reply that does not fit.
Result<CheckInAnswer> check_in(Transport& transport);

// Once a run, without the run's config. kRejected with the coordinator's reason, and as above.
Result<NetworkSpec> fetch_network(Transport& transport, std::uint64_t run);

// Request and reply, decoded. Errors of the transport and of decode_reply().
Result<Reply> exchange(Transport& transport, const Request& request);

}  // namespace fedqat
