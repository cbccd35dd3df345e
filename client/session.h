// The protocol from the client's side: check in and fetch the model, train, upload. The three are
// separate so that a simulator can train many clients at once; a device runs one after the other.
#pragma once

#include <memory>
#include <variant>

#include "client/local_trainer.h"
#include "common/net/transport.h"
#include "common/wire/messages.h"

namespace fedqat {

// The last model that was received, so that it is decoded once. Not thread-safe.
class ModelCache {
 public:
  std::shared_ptr<const ModelState> find(const Digest& sha256) const;
  void keep(const Digest& sha256, std::shared_ptr<const ModelState> model);

 private:
  Digest sha256_{};
  std::shared_ptr<const ModelState> model_;
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
  Bytes data;  // whole chunks
};

// A trained update, complete: to be stored before it is sent, and sent as often as it takes.
struct SealedUpdate {
  std::uint64_t run = 0;
  std::uint32_t round = 0;
  std::uint64_t version = 0;
  Digest digest{};
  Bytes payload;
  Bytes stats;
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
  // Checks in and downloads the model in any case: the simulator's one cache stands for many
  // devices that each download.
  Result<std::variant<Work, Idle>> begin();
  // The model of a task that check_in() gave: from the cache, or downloaded from where `download`
  // is; `download` is empty afterwards, unless the transport failed.
  Result<Work> fetch(Task task, Download& download);
  Result<UploadOutcome> finish(const SealedUpdate& update);
  std::uint32_t retry_after_ms() const { return retry_after_ms_; }  // of finish()'s last reply

  // No I/O; on any thread, with a trainer of its own. kInvalid: training diverged, or the task does
  // not fit the network.
  static Result<SealedUpdate> train(LocalTrainer& trainer, const Graph& graph, const Work& work,
                                    const Dataset& data, std::span<const std::uint32_t> samples,
                                    Checkpointer* checkpointer = nullptr);

 private:
  Result<void> download_model(const Task& task, Download& download);
  Result<Work> decode(Task task, const Download& download);

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
