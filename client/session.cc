#include "client/session.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "common/base/check.h"
#include "common/base/failpoint.h"
#include "common/codec/update_codec.h"
#include "common/wire/broadcast.h"

namespace fedqat {
namespace {

Error unexpected(std::string_view request) {
  return {Errc::kCorrupt, "the coordinator answered a " + std::string(request) +
                              " request with a message of another kind"};
}

Error rejected(const Refusal& refusal) {
  return {Errc::kRejected, std::string(refusal_name(refusal.code)) + ": " + refusal.text};
}

Result<Reply> call(Transport& transport, const Request& request) {
  const Bytes sent = encode_request(request);
  FEDQAT_FAILPOINT("client.call.before_send");
  auto frame = transport.call(sent);
  FEDQAT_FAILPOINT("client.call.after_reply");
  if (!frame) return frame.error();
  return decode_reply(*frame);
}

UpdateGrid grid_of(const Graph& graph, const Task& task) {
  UpdateGrid grid;
  for (std::size_t t = 0; t < graph.params.size(); ++t) {
    grid.push_back({graph.params[t].size, task.grid[t].bits, task.grid[t].step});
  }
  return grid;
}

bool runs_on_integers(Phase phase) { return phase == Phase::kQuantized || phase == Phase::kFrozen; }

// Does the task make sense for this network?
Result<void> check_task(const Graph& graph, const Task& task) {
  if (task.grid.size() != graph.params.size()) {
    return Error{Errc::kInvalid, "task.grid is of another network; get the run's config"};
  }
  const std::string phase(phase_name(task.phase));
  if ((task.phase == Phase::kFloat) != graph.quant.is_float()) {
    return Error{Errc::kInvalid, "task.phase " + phase + " is not one of a network with " +
                                     std::to_string(graph.quant.weight_bits) +
                                     "-bit weights; get the run's config"};
  }
  if ((task.training.calibration_samples > 0) != (task.phase == Phase::kObserve)) {
    return Error{Errc::kInvalid,
                 "task.calibration_samples = " + std::to_string(task.training.calibration_samples) +
                     " in phase " + phase + ": observe is the one that takes histograms"};
  }
  return {};
}

Result<void> check_model(const ModelState& model, Phase phase) {
  if (model.quantized == runs_on_integers(phase)) return {};
  return Error{Errc::kInvalid, "broadcast.quantized does not fit task.phase " +
                                   std::string(phase_name(phase)) + "; check in again"};
}

}  // namespace

std::shared_ptr<const ModelState> ModelCache::find(const Digest& sha256) const {
  return model_ != nullptr && sha256 == sha256_ ? model_ : nullptr;
}

void ModelCache::keep(const Digest& sha256, std::shared_ptr<const ModelState> model) {
  sha256_ = sha256;
  model_ = std::move(model);
}

Result<std::variant<Work, Idle>> Session::begin() {
  auto reply = call(transport_, CheckIn{});
  if (!reply) return reply.error();
  using Begun = std::variant<Work, Idle>;
  if (std::holds_alternative<RetryLater>(reply->body)) {
    return Begun(Idle{reply->retry_after_ms, false});
  }
  if (const auto* refusal = std::get_if<Refusal>(&reply->body)) {
    if (refusal->code == RefusalCode::kFinished) return Begun(Idle{reply->retry_after_ms, true});
    return rejected(*refusal);
  }
  auto* task = std::get_if<Task>(&reply->body);
  if (task == nullptr) return unexpected("check-in");
  if (auto ok = check_task(graph_, *task); !ok) return ok.error();
  auto bytes = fetch_model(*task);
  if (!bytes) return bytes.error();
  auto model = cache_.find(task->model_sha256);
  if (model == nullptr) {
    auto state = decode_broadcast(graph_, *bytes);
    if (!state) return state.error();
    model = std::make_shared<const ModelState>(std::move(*state));
    cache_.keep(task->model_sha256, model);
  }
  if (auto ok = check_model(*model, task->phase); !ok) return ok.error();
  return Begun(Work{std::move(*task), std::move(model)});
}

Result<Bytes> Session::fetch_model(const Task& task) {
  Bytes model;
  const auto chunks = static_cast<std::uint32_t>((task.model_size + kChunkBytes - 1) / kChunkBytes);
  for (std::uint32_t chunk = 0; chunk < chunks; ++chunk) {
    auto reply = call(transport_, FetchModel{task.run, task.version, chunk});
    if (!reply) return reply.error();
    if (const auto* refusal = std::get_if<Refusal>(&reply->body)) return rejected(*refusal);
    const auto* part = std::get_if<ModelChunk>(&reply->body);
    if (part == nullptr) return unexpected("model");
    if (part->version != task.version || part->chunk != chunk || part->chunks != chunks ||
        part->sha256 != task.model_sha256 || part->data.size() > task.model_size - model.size()) {
      return Error{Errc::kCorrupt, "model_chunk does not belong to the task's model"};
    }
    model.insert(model.end(), part->data.begin(), part->data.end());
  }
  if (model.size() != task.model_size || sha256(model) != task.model_sha256) {
    return Error{Errc::kCorrupt, "the model does not have the SHA-256 of the task"};
  }
  return model;
}

Result<SealedUpdate> Session::train(LocalTrainer& trainer, const Graph& graph, const Work& work,
                                    const Dataset& data, std::span<const std::uint32_t> samples,
                                    Checkpointer* checkpointer) {
  const Task& task = work.task;
  if (auto ok = check_task(graph, task); !ok) return ok.error();
  if (auto ok = check_model(*work.model, task.phase); !ok) return ok.error();
  auto local = trainer.train(*work.model, task, data, samples, checkpointer);
  if (!local) return local.error();
  auto encoded = encode_update(grid_of(graph, task), local->delta,
                               Rng({task.seed, task.round, task.client, Purpose::kUplinkRound}));
  if (!encoded) return encoded.error();
  UpdateStats stats;
  stats.samples = static_cast<std::uint32_t>(std::min<std::size_t>(samples.size(), kMaxSamples));
  stats.seen = local->seen;
  stats.loss = static_cast<std::uint64_t>(std::llrint(std::min(local->loss, 0x1p39) / kLossUnit));
  stats.clipped = encoded->clipped;
  stats.max_abs = std::move(encoded->max_abs);
  stats.histograms = std::move(local->histograms);
  SealedUpdate update{task.run,           task.round, task.version, {}, std::move(encoded->payload),
                      encode_stats(stats)};
  update.sha256 = update_digest(update.payload, update.stats);
  return update;
}

Result<UploadOutcome> Session::finish(const SealedUpdate& update) {
  const std::size_t size = update.payload.size();
  std::size_t offset = 0;
  // A coordinator that restarts may send us back once or twice; one that always does is broken.
  const std::size_t patience = 3 * (size / kChunkBytes + 1) + 3;
  for (std::size_t calls = 0; calls < patience; ++calls) {
    const ByteView data =
        ByteView(update.payload).subspan(offset, std::min(kChunkBytes, size - offset));
    UploadUpdate chunk{update.run,
                       update.round,
                       update.version,
                       update.sha256,
                       size,
                       offset,
                       Bytes(data.begin(), data.end()),
                       {}};
    if (chunk.last()) chunk.stats = update.stats;
    auto reply = call(transport_, std::move(chunk));
    if (!reply) return reply.error();
    if (auto* refusal = std::get_if<Refusal>(&reply->body)) {
      return UploadOutcome(std::move(*refusal));
    }
    const auto* ack = std::get_if<Ack>(&reply->body);
    if (ack == nullptr) return unexpected("upload");
    if (ack->complete) return UploadOutcome(Counted{});
    if (ack->received > size) return Error{Errc::kCorrupt, "ack.received is beyond the update"};
    offset = ack->received;
  }
  return Error{Errc::kUnavailable, "the coordinator does not take the update"};
}

}  // namespace fedqat
