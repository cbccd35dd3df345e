#include "common/codec/update_codec.h"
#include "common/quant/weight_sharing.h"
#include "common/wire/frame.h"
#include "common/wire/manifest.h"
#include "common/wire/message_fields.h"
#include "common/wire/messages.h"
#include "common/wire/protocol.pb.h"

namespace fedqat {
namespace {

constexpr std::uint32_t kMaxEpochs = 1000;  // bounds of config.proto
constexpr std::uint32_t kMaxBatch = 4096;
constexpr float kMaxRate = 1e6F;
constexpr std::size_t kMaxText = 4096;

void put(const Task& m, wire::Reply& out) {
  auto& p = *out.mutable_task();
  p.set_run(m.run);
  p.set_round(m.round);
  p.set_version(m.version);
  p.set_config_hash(text_of(m.config_hash));
  p.set_model_sha256(text_of(m.model_sha256));
  p.set_model_size(m.model_size);
  p.set_phase(static_cast<std::uint32_t>(m.phase));
  p.set_client(m.client);
  p.set_seed(m.seed);
  p.set_deadline_ms(m.deadline_ms);
  p.set_epochs(m.training.epochs);
  p.set_batch(m.training.batch);
  p.set_learning_rate(m.training.learning_rate);
  p.set_momentum(m.training.momentum);
  p.set_weight_decay(m.training.weight_decay);
  p.set_prox_mu(m.training.prox_mu);
  p.set_scale_learning_rate(m.training.scale_learning_rate);
  p.set_calibration_samples(m.training.calibration_samples);
  p.set_backward(static_cast<std::uint32_t>(m.training.backward));
  p.set_codebook(m.training.codebook);
  p.set_kure(m.training.kure);
  for (const GridSpec& g : m.grid) {
    auto& q = *p.add_grid();
    q.set_bits(static_cast<std::uint32_t>(g.bits));
    q.set_step(g.step);
    q.set_codec(static_cast<std::uint32_t>(g.codec));
    if (g.share != 1) q.set_share(g.share);
  }
  p.set_max_samples(m.max_samples);
  p.set_manifest(text_of(m.manifest));
  if (m.steps_from) p.set_steps_from(*m.steps_from);
}
void put(const RetryLater&, wire::Reply& out) { out.mutable_retry_later(); }
void put(const NetworkSpec& m, wire::Reply& out) { to_proto(m, *out.mutable_network()); }
void put(const ModelChunk& m, wire::Reply& out) {
  auto& p = *out.mutable_model_chunk();
  p.set_version(m.version);
  p.set_chunk(m.chunk);
  p.set_chunks(m.chunks);
  p.set_sha256(text_of(m.sha256));
  p.set_data(text_of(m.data));
}
void put(const Ack& m, wire::Reply& out) {
  auto& p = *out.mutable_ack();
  p.set_run(m.run);
  p.set_round(m.round);
  p.set_received(m.received);
  p.set_complete(m.complete);
}
void put(const Refusal& m, wire::Reply& out) {
  auto& p = *out.mutable_refusal();
  p.set_code(static_cast<std::uint32_t>(m.code));
  p.set_text(m.text.substr(0, kMaxText));
}

void put(const Enrolled& m, wire::Reply& out) {
  auto& p = *out.mutable_enrolled();
  p.set_name(m.name);
  p.set_number(m.number);
  p.set_certificate(text_of(m.certificate_pem));
  p.set_authorities(text_of(m.authorities_pem));
  p.set_manifest_key(text_of(m.manifest_key));
  p.set_port(m.port);
}

Result<LocalTraining> take_training(const wire::TaskProto& p) {
  if (p.epochs() < 1 || p.epochs() > kMaxEpochs)
    return bad_field("task.epochs", "is not in 1..1000");
  if (p.batch() < 1 || p.batch() > kMaxBatch) return bad_field("task.batch", "is not in 1..4096");
  const auto rate_ok = [](float v) { return in_range(v, kMaxRate); };
  if (!rate_ok(p.learning_rate())) return bad_field("task.learning_rate", "is out of range");
  if (!in_range(p.momentum(), 1)) return bad_field("task.momentum", "is not in [0, 1)");
  if (!rate_ok(p.weight_decay())) return bad_field("task.weight_decay", "is out of range");
  if (!rate_ok(p.prox_mu())) return bad_field("task.prox_mu", "is out of range");
  if (!rate_ok(p.scale_learning_rate())) {
    return bad_field("task.scale_learning_rate", "is out of range");
  }
  if (p.backward() > static_cast<std::uint32_t>(Backward::kInt8)) {
    return bad_field("task.backward", "is unknown; update the client");
  }
  if (p.codebook() > kMaxCodebook) return bad_field("task.codebook", "is not in 0..256");
  if (!rate_ok(p.kure())) return bad_field("task.kure", "is out of range");
  return LocalTraining{p.epochs(),
                       p.batch(),
                       p.learning_rate(),
                       p.momentum(),
                       p.weight_decay(),
                       p.prox_mu(),
                       p.scale_learning_rate(),
                       p.calibration_samples(),
                       static_cast<Backward>(p.backward()),
                       p.codebook(),
                       p.kure()};
}

Result<ReplyBody> take(const wire::TaskProto& p) {
  const auto config_hash = digest_of(p.config_hash());
  if (!config_hash) return bad_field("task.config_hash", "is not 32 bytes");
  const auto model_sha256 = digest_of(p.model_sha256());
  if (!model_sha256) return bad_field("task.model_sha256", "is not 32 bytes");
  if (p.round() < 1) return bad_field("task.round", "is 0");
  if (p.model_size() > kMaxPayload) return bad_field("task.model_size", "is too big");
  if (p.phase() < 1 || p.phase() > static_cast<std::uint32_t>(Phase::kFrozen)) {
    return bad_field("task.phase", "is unknown");
  }
  if (static_cast<std::size_t>(p.grid_size()) > kMaxTensors) {
    return bad_field("task.grid", "has too many tensors");
  }
  if (p.max_samples() < 1 || p.max_samples() > kMaxSamples) {
    return bad_field("task.max_samples", "is not in 1..2^24");
  }
  if (p.steps_from() > p.version()) {
    return bad_field("task.steps_from", "is after the task's version");
  }
  if (p.manifest().size() > kMaxManifest) return bad_field("task.manifest", "is too big");
  const auto training = take_training(p);
  if (!training) return training.error();
  Task task{p.run(),
            p.round(),
            p.version(),
            *config_hash,
            *model_sha256,
            p.model_size(),
            static_cast<Phase>(p.phase()),
            p.client(),
            p.seed(),
            p.deadline_ms(),
            *training,
            {},
            p.max_samples(),
            bytes_of(p.manifest())};
  if (p.has_steps_from()) task.steps_from = p.steps_from();
  for (const auto& g : p.grid()) {
    if (g.bits() > kFloatUpdateBits) return bad_field("task.grid.bits", "is out of range");
    if (g.codec() > static_cast<std::uint32_t>(kLastUpdateCodec)) {
      return bad_field("task.grid.codec", "is unknown; update the client");
    }
    const GridSpec spec{static_cast<int>(g.bits()), g.step(), static_cast<UpdateCodec>(g.codec()),
                        g.has_share() ? g.share() : 1.0F};
    const TensorGrid one{0, spec.bits, spec.step, spec.codec, spec.share};
    if (auto ok = check_grid({&one, 1}); !ok) return at("task", ok.error());
    task.grid.push_back(spec);
  }
  return ReplyBody(std::move(task));
}

Result<ReplyBody> take(const wire::ModelChunkProto& p) {
  const auto sha256 = digest_of(p.sha256());
  if (!sha256) return bad_field("model_chunk.sha256", "is not 32 bytes");
  if (p.chunk() >= p.chunks()) return bad_field("model_chunk.chunk", "is beyond chunks");
  if (p.chunks() > kMaxPayload / kChunkBytes + 1)
    return bad_field("model_chunk.chunks", "is too big");
  if (p.data().size() > kChunkBytes) return bad_field("model_chunk.data", "is too big");
  return ReplyBody(ModelChunk{p.version(), p.chunk(), p.chunks(), *sha256, bytes_of(p.data())});
}

Result<ReplyBody> take(const wire::RefusalProto& p) {
  if (p.code() < 1 || p.code() > static_cast<std::uint32_t>(RefusalCode::kBadToken)) {
    return bad_field("refusal.code", "is unknown");
  }
  if (p.text().size() > kMaxText) return bad_field("refusal.text", "is too long");
  return ReplyBody(Refusal{static_cast<RefusalCode>(p.code()), p.text()});
}

Result<ReplyBody> take(const wire::EnrolledProto& p) {
  constexpr std::size_t kMaxName = 64, kKeyBytes = 32;
  if (p.name().empty() || p.name().size() > kMaxName)
    return bad_field("enrolled.name", "is empty or too long");
  if (p.certificate().size() > kMaxPem) return bad_field("enrolled.certificate", "is too big");
  if (p.authorities().size() > kMaxPem) return bad_field("enrolled.authorities", "is too big");
  if (p.manifest_key().size() != kKeyBytes)
    return bad_field("enrolled.manifest_key", "is not 32 bytes");
  if (p.port() > 65535) return bad_field("enrolled.port", "is above 65535");
  return ReplyBody(Enrolled{p.name(), p.number(), bytes_of(p.certificate()),
                            bytes_of(p.authorities()), bytes_of(p.manifest_key()),
                            static_cast<std::uint16_t>(p.port())});
}

Result<ReplyBody> take_body(const wire::Reply& p) {
  switch (p.kind_case()) {
    case wire::Reply::kTask:
      return take(p.task());
    case wire::Reply::kRetryLater:
      return ReplyBody(RetryLater{});
    case wire::Reply::kNetwork: {
      auto network = from_proto(p.network());
      if (!network) return network.error();
      return ReplyBody(std::move(*network));
    }
    case wire::Reply::kModelChunk:
      return take(p.model_chunk());
    case wire::Reply::kAck:
      return ReplyBody(Ack{p.ack().run(), p.ack().round(), p.ack().received(), p.ack().complete()});
    case wire::Reply::kRefusal:
      return take(p.refusal());
    case wire::Reply::kEnrolled:
      return take(p.enrolled());
    case wire::Reply::KIND_NOT_SET:
      break;
  }
  return bad_field("reply", "is of no known kind");
}

}  // namespace

std::string_view phase_name(Phase phase) {
  switch (phase) {
    case Phase::kFloat:
      return "fp32";
    case Phase::kWarmup:
      return "warmup";
    case Phase::kObserve:
      return "observe";
    case Phase::kQuantized:
      return "quantized";
    case Phase::kFrozen:
      return "frozen";
  }
  return "unknown";
}

std::string_view refusal_name(RefusalCode code) {
  switch (code) {
    case RefusalCode::kMalformed:
      return "malformed";
    case RefusalCode::kProtocol:
      return "protocol";
    case RefusalCode::kWrongRun:
      return "wrong run";
    case RefusalCode::kWrongRound:
      return "wrong round";
    case RefusalCode::kWrongVersion:
      return "wrong version";
    case RefusalCode::kLate:
      return "late";
    case RefusalCode::kNotInvited:
      return "not invited";
    case RefusalCode::kConflict:
      return "conflict";
    case RefusalCode::kInvalidUpdate:
      return "invalid update";
    case RefusalCode::kUnknownModel:
      return "unknown model";
    case RefusalCode::kFinished:
      return "finished";
    case RefusalCode::kBusy:
      return "busy";
    case RefusalCode::kUnknownDevice:
      return "unknown device";
    case RefusalCode::kQuarantined:
      return "quarantined";
    case RefusalCode::kBadToken:
      return "bad token";
  }
  return "unknown";
}

Bytes encode_reply(const Reply& reply) {
  wire::Reply out;
  out.set_retry_after_ms(reply.retry_after_ms);
  std::visit([&](const auto& m) { put(m, out); }, reply.body);
  return make_frame(out);
}

Result<Reply> decode_reply(ByteView frame) {
  wire::Reply p;
  if (auto ok = parse_frame(frame, p); !ok) return ok.error();
  auto body = take_body(p);
  if (!body) return body.error();
  return Reply{p.retry_after_ms(), std::move(*body)};
}

}  // namespace fedqat
