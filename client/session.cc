#include "client/session.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <utility>

#include "client/error_feedback.h"
#include "common/base/check.h"
#include "common/base/failpoint.h"
#include "common/codec/update_codec.h"
#include "common/wire/broadcast.h"
#include "common/wire/difference.h"

namespace fedqat {
namespace {

Error unexpected(std::string_view request) {
  return {Errc::kCorrupt, "the coordinator answered a " + std::string(request) +
                              " request with a message of another kind"};
}

Error rejected(const Refusal& refusal) {
  return {Errc::kRejected, std::string(refusal_name(refusal.code)) + ": " + refusal.text};
}

UpdateGrid grid_of(const Graph& graph, const Task& task) {
  UpdateGrid grid;
  for (std::size_t t = 0; t < graph.params.size(); ++t) {
    const GridSpec& g = task.grid[t];
    grid.push_back({graph.params[t].size, g.bits, g.step, g.codec, g.share});
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
  if (graph.quant.is_dynamic()) {
    return Error{Errc::kInvalid, "a network with dynamic quantization is not trained"};
  }
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

Result<Reply> exchange(Transport& transport, const Request& request) {
  const Bytes sent = encode_request(request);
  FEDQAT_FAILPOINT("client.call.before_send");
  auto frame = transport.call(sent);
  FEDQAT_FAILPOINT("client.call.after_reply");
  if (!frame) return frame.error();
  return decode_reply(*frame);
}

Result<CheckInAnswer> check_in(Transport& transport) {
  auto reply = exchange(transport, CheckIn{});
  if (!reply) return reply.error();
  if (auto* task = std::get_if<Task>(&reply->body)) {
    return CheckInAnswer{reply->retry_after_ms, std::move(*task)};
  }
  if (auto* refusal = std::get_if<Refusal>(&reply->body)) {
    return CheckInAnswer{reply->retry_after_ms, std::move(*refusal)};
  }
  if (!std::holds_alternative<RetryLater>(reply->body)) return unexpected("check-in");
  return CheckInAnswer{reply->retry_after_ms, RetryLater{}};
}

Result<NetworkSpec> fetch_network(Transport& transport, std::uint64_t run) {
  auto reply = exchange(transport, FetchNetwork{run});
  if (!reply) return reply.error();
  if (const auto* refusal = std::get_if<Refusal>(&reply->body)) return rejected(*refusal);
  auto* network = std::get_if<NetworkSpec>(&reply->body);
  if (network == nullptr) return unexpected("network");
  return std::move(*network);
}

ModelCache::Model ModelCache::find(const Digest& sha256) const {
  for (const Entry& e : models_) {
    if (e.sha256 == sha256) return e.model;
  }
  return nullptr;
}

ModelCache::Model ModelCache::find(std::uint64_t version) const {
  for (const Entry& e : models_) {
    if (e.version == version) return e.model;
  }
  return nullptr;
}

std::optional<std::uint64_t> ModelCache::newest() const {
  if (models_.empty()) return std::nullopt;
  return models_.back().version;
}

void ModelCache::keep(const Task& task, Model model) {
  const std::uint64_t oldest = task.steps_from.value_or(task.version);
  std::erase_if(models_, [&](const Entry& e) { return !many_ || e.version < oldest; });
  models_.push_back({task.version, task.model_sha256, std::move(model)});
}

Result<std::variant<Work, Idle>> Session::begin(std::optional<std::uint64_t>* held) {
  auto checked_in = check_in(transport_);
  if (!checked_in) return checked_in.error();
  using Begun = std::variant<Work, Idle>;
  if (const auto* refusal = std::get_if<Refusal>(&checked_in->answer)) {
    if (refusal->code != RefusalCode::kFinished) return rejected(*refusal);
    return Begun(Idle{checked_in->retry_after_ms, true});
  }
  auto* task = std::get_if<Task>(&checked_in->answer);
  if (task == nullptr) return Begun(Idle{checked_in->retry_after_ms, false});
  if (auto ok = check_task(graph_, *task); !ok) return ok.error();
  Download download;
  auto model = load(*task, held != nullptr ? *held : std::nullopt, download);
  if (!model) return model.error();
  if (held != nullptr && task->steps_from) *held = task->version;
  if (auto ok = check_model(**model, task->phase); !ok) return ok.error();
  return Begun(Work{std::move(*task), std::move(*model)});
}

Result<Work> Session::fetch(Task task, Download& download) {
  if (auto ok = check_task(graph_, task); !ok) return ok.error();
  Result<ModelCache::Model> model = cache_.find(task.model_sha256);
  if (*model == nullptr) model = load(task, cache_.newest(), download);
  if (!model) return model.error();
  download = {};
  if (auto ok = check_model(**model, task.phase); !ok) return ok.error();
  return Work{std::move(task), std::move(*model)};
}

Result<ModelCache::Model> Session::load(const Task& task, std::optional<std::uint64_t> held,
                                        Download& download) {
  const std::uint64_t from = held.value_or(0);
  if (task.steps_from && from >= *task.steps_from && from <= task.version) {
    auto model = follow(task, from, download);
    if (!model || *model != nullptr) return model;
  }
  const auto bytes = fetch_bytes(task, std::nullopt, download);
  if (!bytes) return bytes.error();
  if (sha256(*bytes) != task.model_sha256) {
    return Error{Errc::kCorrupt, "the model does not have the SHA-256 of the task"};
  }
  if (auto model = cache_.find(task.model_sha256)) return model;
  auto state = decode_broadcast(graph_, *bytes);
  if (!state) return state.error();
  auto model = std::make_shared<const ModelState>(std::move(*state));
  cache_.keep(task, model);
  return ModelCache::Model(std::move(model));
}

// Null: the steps do not lead to the task's model.
Result<ModelCache::Model> Session::follow(const Task& task, std::uint64_t from,
                                          Download& download) {
  Bytes bytes;
  if (from < task.version) {
    auto fetched = fetch_bytes(task, from, download);
    if (!fetched) return fetched.error();
    bytes = std::move(*fetched);
  }
  if (auto model = cache_.find(task.model_sha256)) return model;
  const auto base = cache_.find(from);
  if (base == nullptr && from != 0) return ModelCache::Model();
  ModelState state = base != nullptr ? *base : init_model(graph_, task.seed);
  for (ByteView rest = bytes; !rest.empty();) {
    std::uint32_t size = 0;
    if (rest.size() < sizeof size) return ModelCache::Model();
    std::memcpy(&size, rest.data(), sizeof size);
    rest = rest.subspan(sizeof size);
    if (rest.size() < size) return ModelCache::Model();
    auto next = apply_difference(graph_, state.params, rest.first(size));
    if (!next) return ModelCache::Model();
    state = std::move(*next);
    rest = rest.subspan(size);
  }
  if (sha256(encode_plain(graph_, state)) != task.model_sha256) return ModelCache::Model();
  auto model = std::make_shared<const ModelState>(std::move(state));
  cache_.keep(task, model);
  return ModelCache::Model(std::move(model));
}

// The model whole, or the steps to it, which are no longer than that.
Result<Bytes> Session::fetch_bytes(const Task& task, std::optional<std::uint64_t> from,
                                   Download& download) {
  if (download.sha256 != task.model_sha256 || download.from != from) {
    download = {task.model_sha256, from, {}};
  }
  Bytes& data = download.data;
  const std::uint64_t most = (task.model_size + kChunkBytes - 1) / kChunkBytes;
  std::uint64_t chunks = most;
  for (auto chunk = static_cast<std::uint32_t>(data.size() / kChunkBytes); chunk < chunks;
       ++chunk) {
    auto reply = exchange(transport_, FetchModel{task.run, task.version, chunk, from});
    if (!reply) return reply.error();
    if (const auto* refusal = std::get_if<Refusal>(&reply->body)) return rejected(*refusal);
    const auto* part = std::get_if<ModelChunk>(&reply->body);
    if (part == nullptr) return unexpected("model");
    const bool last = part->chunk + 1 == part->chunks;
    const std::size_t left = task.model_size - data.size(), size = part->data.size();
    if (part->version != task.version || part->chunk != chunk || part->chunks > most ||
        part->sha256 != task.model_sha256 || size > left || (!last && size != kChunkBytes) ||
        (!from && (part->chunks != most || (last && size != left)))) {
      download = {};
      return Error{Errc::kCorrupt, "model_chunk does not belong to the task's model"};
    }
    chunks = part->chunks;
    data.insert(data.end(), part->data.begin(), part->data.end());
  }
  return std::exchange(download, {}).data;
}

Result<SealedUpdate> Session::train(LocalTrainer& trainer, const Graph& graph, const Work& work,
                                    const Dataset& data, std::span<const std::uint32_t> samples,
                                    Checkpointer* checkpointer, std::span<const float> memory) {
  const Task& task = work.task;
  if (auto ok = check_task(graph, task); !ok) return ok.error();
  if (auto ok = check_model(*work.model, task.phase); !ok) return ok.error();
  auto local = trainer.train(*work.model, task, data, samples, checkpointer);
  if (!local) return local.error();
  const UpdateGrid grid = grid_of(graph, task);
  const bool fed_back = feeds_back(grid);
  if (fed_back && memory.size() == local->delta.size()) add_memory(grid, memory, local->delta);
  auto encoded = encode_update(grid, local->delta,
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
  if (fed_back) update.memory = left_out(grid, local->delta, update.payload);
  update.digest = update_digest(update.payload, update.stats);
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
                       update.digest,
                       size,
                       offset,
                       Bytes(data.begin(), data.end()),
                       {}};
    if (chunk.last()) chunk.stats = update.stats;
    auto reply = exchange(transport_, std::move(chunk));
    if (!reply) return reply.error();
    retry_after_ms_ = reply->retry_after_ms;
    if (auto* refusal = std::get_if<Refusal>(&reply->body)) {
      return UploadOutcome(std::move(*refusal));
    }
    const auto* ack = std::get_if<Ack>(&reply->body);
    if (ack == nullptr) return unexpected("upload");
    if (ack->complete) return UploadOutcome(Counted{});
    if (ack->received > size) return Error{Errc::kCorrupt, "ack.received is beyond the update"};
    offset = static_cast<std::size_t>(ack->received);
  }
  return Error{Errc::kUnavailable, "the coordinator does not take the update"};
}

}  // namespace fedqat
