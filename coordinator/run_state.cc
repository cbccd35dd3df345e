#include "coordinator/run_state.h"

#include <bit>
#include <cstring>
#include <optional>

#include "common/wire/checkpoint.pb.h"
#include "common/wire/frame.h"
#include "common/wire/message_fields.h"

namespace fedqat {
namespace {

static_assert(std::endian::native == std::endian::little, "floats are written as they lie");

std::string floats_text(const std::vector<float>& v) {
  return text_of(std::as_bytes(std::span<const float>(v)));
}

std::vector<float> floats_of(const std::string& text) {
  std::vector<float> v(text.size() / sizeof(float));
  if (!v.empty()) std::memcpy(v.data(), text.data(), v.size() * sizeof(float));
  return v;
}

void put(const RoundSummary& s, wire::RoundSummaryProto& p) {
  p.set_round(s.round);
  p.set_phase(static_cast<std::uint32_t>(s.phase));
  p.set_invited(s.invited);
  p.set_tasked(s.tasked);
  p.set_aggregated(s.aggregated);
  p.set_refused(s.refused);
  p.set_attempts(s.attempts);
  p.set_samples_seen(s.samples_seen);
  p.set_mean_loss(s.mean_loss);
  p.set_clipped_share(s.clipped_share);
  p.set_duration_ms(s.duration_ms());
  p.set_stale(s.stale);
}

RoundSummary take(const wire::RoundSummaryProto& p) {
  RoundSummary s;
  s.round = p.round();
  s.phase = static_cast<Phase>(p.phase());
  s.invited = p.invited();
  s.tasked = p.tasked();
  s.aggregated = p.aggregated();
  s.refused = p.refused();
  s.attempts = p.attempts();
  s.samples_seen = p.samples_seen();
  s.mean_loss = p.mean_loss();
  s.clipped_share = p.clipped_share();
  s.closed_ms = p.duration_ms();
  s.stale = p.stale();
  return s;
}

void put(const EarlierRound& r, wire::EarlierRoundProto& p) {
  p.set_round(r.round);
  p.set_ranges(floats_text(r.ranges));
  for (const auto& [who, digest] : r.delivered) {
    p.add_delivered(who);
    p.mutable_digests()->append(text_of(digest));
  }
  for (const ClientId who : r.missing) p.add_missing(who);
}

std::optional<EarlierRound> take(const wire::EarlierRoundProto& p) {
  constexpr std::size_t kHash = sizeof(Digest);
  const auto n = static_cast<std::size_t>(p.delivered_size());
  if (p.digests().size() != n * kHash || p.ranges().size() % sizeof(float) != 0) return {};
  EarlierRound r{p.round(), floats_of(p.ranges()), {}, {p.missing().begin(), p.missing().end()}};
  for (std::size_t i = 0; i < n; ++i) {
    Digest digest;
    std::memcpy(digest.data(), p.digests().data() + i * kHash, kHash);
    r.delivered.emplace_back(p.delivered(static_cast<int>(i)), digest);
  }
  return r;
}

}  // namespace

std::uint64_t run_number(const Digest& config_hash) {
  std::uint64_t run = 0;
  std::memcpy(&run, config_hash.data(), sizeof run);
  return run;
}

Bytes encode_run_state(const RunState& state) {
  wire::CheckpointProto p;
  p.set_run(state.run);
  p.set_config_hash(text_of(state.config_hash));
  p.set_rounds_done(state.rounds_done);
  p.set_clients(state.attendance.clients);
  for (const ClientId c : state.attendance.absent) p.add_absent(c);
  for (const ClientId c : state.attendance.barred) p.add_barred(c);
  p.set_params(floats_text(state.model.params));
  p.set_quantized(state.model.quantized);
  for (const std::int32_t z : state.model.zero_points) p.add_zero_points(z);
  p.set_strategy(floats_text(state.strategy));
  p.set_ranges(floats_text(state.ranges));
  p.set_held(floats_text(state.held));
  put(state.last, *p.mutable_last());
  for (const EarlierRound& r : state.earlier) put(r, *p.add_earlier());
  const Bytes body = serialize(p);
  const Digest digest = sha256(body);
  Bytes bytes(digest.size() + body.size());
  std::memcpy(bytes.data(), digest.data(), digest.size());
  std::memcpy(bytes.data() + digest.size(), body.data(), body.size());
  return bytes;
}

Result<RunState> decode_run_state(ByteView bytes) {
  const Error corrupt{Errc::kCorrupt, "the checkpoint of the run does not have its SHA-256"};
  RunState state;
  Digest digest;
  if (bytes.size() < digest.size()) return corrupt;
  std::memcpy(digest.data(), bytes.data(), digest.size());
  const ByteView body = bytes.subspan(digest.size());
  if (sha256(body) != digest) return corrupt;
  wire::CheckpointProto p;
  if (auto ok = parse(body, p); !ok) return ok.error();
  const Error sizes{Errc::kCorrupt, "the checkpoint of the run has fields of wrong sizes"};
  const auto config_hash = digest_of(p.config_hash());
  if (!config_hash || p.params().size() % sizeof(float) != 0 ||
      p.strategy().size() % sizeof(float) != 0 || p.ranges().size() % sizeof(float) != 0 ||
      p.held().size() % sizeof(float) != 0) {
    return sizes;
  }
  state.run = p.run();
  state.config_hash = *config_hash;
  state.rounds_done = p.rounds_done();
  state.attendance.clients = p.clients();
  state.attendance.absent = {p.absent().begin(), p.absent().end()};
  state.attendance.barred = {p.barred().begin(), p.barred().end()};
  state.model.params = floats_of(p.params());
  state.model.quantized = p.quantized();
  state.model.zero_points = {p.zero_points().begin(), p.zero_points().end()};
  state.strategy = floats_of(p.strategy());
  state.ranges = floats_of(p.ranges());
  state.held = floats_of(p.held());
  state.last = take(p.last());
  for (const auto& earlier : p.earlier()) {
    auto round = take(earlier);
    if (!round) return sizes;
    state.earlier.push_back(std::move(*round));
  }
  return state;
}

}  // namespace fedqat
