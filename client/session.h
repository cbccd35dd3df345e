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

// A trained update, complete: to be stored before it is sent, and sent as often as it takes.
struct SealedUpdate {
  std::uint64_t run = 0;
  std::uint32_t round = 0;
  std::uint64_t version = 0;
  Digest sha256{};
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
  Result<std::variant<Work, Idle>> begin();
  Result<UploadOutcome> finish(const SealedUpdate& update);

  // No I/O; on any thread, with a trainer of its own. kInvalid: training diverged, or the task does
  // not fit the network.
  static Result<SealedUpdate> train(LocalTrainer& trainer, const Graph& graph, const Work& work,
                                    const Dataset& data, std::span<const std::uint32_t> samples,
                                    Checkpointer* checkpointer = nullptr);

 private:
  Result<Bytes> fetch_model(const Task& task);

  Transport& transport_;
  const Graph& graph_;
  ModelCache& cache_;
};

}  // namespace fedqat
