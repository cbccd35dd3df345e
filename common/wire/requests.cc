#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>
#include <optional>

#include "common/base/crc32c.h"
#include "common/crypto/blake3.h"
#include "common/wire/frame.h"
#include "common/wire/message_fields.h"
#include "common/wire/messages.h"
#include "common/wire/protocol.pb.h"

namespace fedqat {
namespace {

constexpr std::uint64_t kMaxSeen = 1ULL << 40;
constexpr std::uint64_t kMaxLoss = 1ULL << 60;

using Bins = std::array<std::uint64_t, Log2Histogram::kBins>;
using ProtoBins = google::protobuf::RepeatedField<std::uint64_t>;

void put_bins(const Bins& bins, ProtoBins& out) {
  std::size_t used = bins.size();
  while (used > 0 && bins[used - 1] == 0) --used;
  for (std::size_t j = 0; j < used; ++j) out.Add(bins[j]);
}

bool take_bins(const ProtoBins& in, Bins& bins) {
  if (static_cast<std::size_t>(in.size()) > bins.size()) return false;
  std::copy(in.begin(), in.end(), bins.begin());
  return std::all_of(in.begin(), in.end(), [](std::uint64_t n) { return n <= kMaxBinCount; });
}

void put(const CheckIn& m, wire::Request& out) { out.mutable_check_in()->set_protocol(m.protocol); }
void put(const FetchNetwork& m, wire::Request& out) { out.mutable_fetch_network()->set_run(m.run); }
void put(const FetchModel& m, wire::Request& out) {
  auto& p = *out.mutable_fetch_model();
  p.set_run(m.run);
  p.set_version(m.version);
  p.set_chunk(m.chunk);
  if (m.from) p.set_from(*m.from);
}
void put(const UploadUpdate& m, wire::Request& out) {
  auto& p = *out.mutable_upload_update();
  p.set_run(m.run);
  p.set_round(m.round);
  p.set_version(m.version);
  p.set_digest(text_of(m.digest));
  p.set_payload_size(m.payload_size);
  p.set_offset(m.offset);
  p.set_data(text_of(m.data));
  p.set_stats(text_of(m.stats));
  p.set_crc32c(crc32c(m.stats, crc32c(m.data)));
}

void put(const Enroll& m, wire::Request& out) {
  out.mutable_enroll()->set_secret(text_of(m.secret));
  out.mutable_enroll()->set_csr(text_of(m.csr_pem));
}
void put(const Renew& m, wire::Request& out) { out.mutable_renew()->set_csr(text_of(m.csr_pem)); }

Result<Request> take(const wire::FetchModelProto& p) {
  FetchModel m{p.run(), p.version(), p.chunk()};
  if (p.has_from()) m.from = p.from();
  return Request(m);
}

Result<Request> take(const wire::EnrollProto& p) {
  Enroll m;
  if (p.secret().size() != m.secret.size()) return bad_field("enroll.secret", "is not 16 bytes");
  if (p.csr().size() > kMaxPem) return bad_field("enroll.csr", "is too big");
  std::memcpy(m.secret.data(), p.secret().data(), m.secret.size());
  m.csr_pem = bytes_of(p.csr());
  return Request(std::move(m));
}

Result<Request> take(const wire::RenewProto& p) {
  if (p.csr().size() > kMaxPem) return bad_field("renew.csr", "is too big");
  return Request(Renew{bytes_of(p.csr())});
}

Result<Request> check(UploadUpdate&& m, std::uint32_t crc) {
  if (m.payload_size > kMaxPayload) return bad_field("upload_update.payload_size", "is too big");
  if (m.data.size() > kChunkBytes) return bad_field("upload_update.data", "is too big");
  if (m.offset > m.payload_size || m.data.size() > m.payload_size - m.offset) {
    return bad_field("upload_update.offset", "is beyond the payload");
  }
  if (crc32c(m.stats, crc32c(m.data)) != crc) {
    return bad_field("upload_update.crc32c", "is not that of data and stats: they were damaged");
  }
  if (m.last() == m.stats.empty()) {
    return bad_field("upload_update.stats", "must come with the last chunk and with no other");
  }
  return Request(std::move(m));
}

Result<Request> take(const wire::UploadUpdateProto& p) {
  const auto digest = digest_of(p.digest());
  if (!digest) return bad_field("upload_update.digest", "is not 32 bytes");
  UploadUpdate m;
  m.run = p.run();
  m.round = p.round();
  m.version = p.version();
  m.digest = *digest;
  m.payload_size = p.payload_size();
  m.offset = p.offset();
  m.data = bytes_of(p.data());
  m.stats = bytes_of(p.stats());
  return check(std::move(m), p.crc32c());
}

// An upload as encode_request() writes it, without Protobuf's copy of the data.
struct RawUpload {
  UploadUpdate message;  // without data
  ByteView data;         // in the frame
  std::uint32_t crc = 0;
};

// Nothing when it is written otherwise: then Protobuf reads it.
std::optional<RawUpload> find_upload(ByteView frame) {
  using google::protobuf::internal::WireFormatLite;
  using google::protobuf::io::CodedInputStream;
  using google::protobuf::io::CodedOutputStream;
  const auto size = frame_size(frame);
  if (!size || *size != frame.size()) return std::nullopt;
  const ByteView body = frame.subspan(kFrameHeader);
  CodedInputStream in(reinterpret_cast<const std::uint8_t*>(body.data()),
                      static_cast<int>(body.size()));
  const auto tag = [](int field, WireFormatLite::WireType type) {
    return WireFormatLite::MakeTag(field, type);
  };
  // Tags and lengths in as few bytes as they need: of longer ones Protobuf refuses some.
  const auto read_tag = [&in] {
    const int at = in.CurrentPosition();
    const std::uint32_t t = in.ReadTag();
    return in.CurrentPosition() - at == static_cast<int>(CodedOutputStream::VarintSize32(t)) ? t
                                                                                             : 0;
  };
  const auto read_length = [&in](std::uint32_t& n) {
    const int at = in.CurrentPosition();
    return in.ReadVarint32(&n) &&
           in.CurrentPosition() - at == static_cast<int>(CodedOutputStream::VarintSize32(n));
  };
  std::uint32_t length = 0;
  if (read_tag() !=
          tag(wire::Request::kUploadUpdateFieldNumber, WireFormatLite::WIRETYPE_LENGTH_DELIMITED) ||
      !read_length(length) ||
      length != body.size() - static_cast<std::size_t>(in.CurrentPosition())) {
    return std::nullopt;
  }
  using P = wire::UploadUpdateProto;
  RawUpload raw;
  UploadUpdate& m = raw.message;
  ByteView name, stats;
  const auto read_bytes = [&](ByteView& out) {
    std::uint32_t n = 0;
    if (!read_length(n) || static_cast<int>(n) < 0) return false;
    const void* at = nullptr;
    int have = 0;
    if (n > 0 && (!in.GetDirectBufferPointer(&at, &have) || have < static_cast<int>(n))) {
      return false;
    }
    out = {static_cast<const std::byte*>(at), n};
    return in.Skip(static_cast<int>(n));
  };
  while (const std::uint32_t t = read_tag()) {
    bool good = false;
    if (t == tag(P::kRunFieldNumber, WireFormatLite::WIRETYPE_FIXED64)) {
      good = in.ReadLittleEndian64(&m.run);
    } else if (t == tag(P::kRoundFieldNumber, WireFormatLite::WIRETYPE_VARINT)) {
      good = in.ReadVarint32(&m.round);
    } else if (t == tag(P::kVersionFieldNumber, WireFormatLite::WIRETYPE_VARINT)) {
      good = in.ReadVarint64(&m.version);
    } else if (t == tag(P::kDigestFieldNumber, WireFormatLite::WIRETYPE_LENGTH_DELIMITED)) {
      good = read_bytes(name);
    } else if (t == tag(P::kPayloadSizeFieldNumber, WireFormatLite::WIRETYPE_VARINT)) {
      good = in.ReadVarint64(&m.payload_size);
    } else if (t == tag(P::kOffsetFieldNumber, WireFormatLite::WIRETYPE_VARINT)) {
      good = in.ReadVarint64(&m.offset);
    } else if (t == tag(P::kDataFieldNumber, WireFormatLite::WIRETYPE_LENGTH_DELIMITED)) {
      good = read_bytes(raw.data);
    } else if (t == tag(P::kStatsFieldNumber, WireFormatLite::WIRETYPE_LENGTH_DELIMITED)) {
      good = read_bytes(stats);
    } else if (t == tag(P::kCrc32CFieldNumber, WireFormatLite::WIRETYPE_FIXED32)) {
      good = in.ReadLittleEndian32(&raw.crc);
    }
    if (!good) return std::nullopt;
  }
  if (static_cast<std::size_t>(in.CurrentPosition()) != body.size() ||
      name.size() != m.digest.size())
    return std::nullopt;
  std::memcpy(m.digest.data(), name.data(), name.size());
  m.stats.assign(stats.begin(), stats.end());
  return raw;
}

}  // namespace

Bytes encode_stats(const UpdateStats& stats) {
  wire::UpdateStatsProto p;
  p.set_samples(stats.samples);
  p.set_seen(stats.seen);
  p.set_loss(stats.loss);
  p.set_clipped(stats.clipped);
  for (const float v : stats.max_abs) p.add_max_abs(v);
  for (const Log2Histogram& h : stats.histograms) {
    auto& out = *p.add_histograms();
    out.set_zeros(h.zeros);
    put_bins(h.positive, *out.mutable_positive());
    put_bins(h.negative, *out.mutable_negative());
  }
  return serialize(p);
}

Result<UpdateStats> decode_stats(ByteView bytes) {
  wire::UpdateStatsProto p;
  if (auto ok = parse(bytes, p); !ok) return ok.error();
  if (p.samples() < 1 || p.samples() > kMaxSamples)
    return bad_field("stats.samples", "is not in 1..2^24");
  if (p.seen() < p.samples() || p.seen() >= kMaxSeen)
    return bad_field("stats.seen", "is out of range");
  if (p.loss() >= kMaxLoss) return bad_field("stats.loss", "is out of range");
  if (p.clipped() >= kMaxSeen) return bad_field("stats.clipped", "is out of range");
  const auto too_many = [](int n) { return static_cast<std::size_t>(n) > kMaxTensors; };
  if (too_many(p.max_abs_size())) return bad_field("stats.max_abs", "has too many values");
  if (too_many(p.histograms_size())) return bad_field("stats.histograms", "are too many");
  UpdateStats stats{p.samples(), p.seen(), p.loss(), p.clipped(), {}, {}};
  for (const float v : p.max_abs()) {
    if (!std::isfinite(v) || v < 0)
      return bad_field("stats.max_abs", "has a value that is not a size");
    stats.max_abs.push_back(v);
  }
  stats.histograms.resize(static_cast<std::size_t>(p.histograms_size()));
  for (int i = 0; i < p.histograms_size(); ++i) {
    const auto& in = p.histograms(i);
    Log2Histogram& h = stats.histograms[static_cast<std::size_t>(i)];
    h.zeros = in.zeros();
    if (h.zeros > kMaxBinCount || !take_bins(in.positive(), h.positive) ||
        !take_bins(in.negative(), h.negative)) {
      return bad_field("stats.histograms", "have too many bins or a count above 2^40");
    }
  }
  return stats;
}

Digest update_digest(ByteView payload, ByteView stats) {
  Blake3 hash;
  hash.update(payload);
  hash.update(stats);
  return std::move(hash).finish();
}

void check_name(Request& request) {
  auto* u = std::get_if<UploadUpdate>(&request);
  if (u == nullptr || u->offset != 0 || !u->last()) return;
  u->name_checked = update_digest(u->data, u->stats) == u->digest;
}

Bytes encode_request(const Request& request) {
  wire::Request out;
  std::visit([&](const auto& m) { put(m, out); }, request);
  return make_frame(out);
}

Result<Request> decode_request(Bytes&& frame) {
  auto raw = find_upload(frame);
  if (!raw) return decode_request(ByteView(frame));
  if (!raw->data.empty()) {
    const auto at = static_cast<std::size_t>(raw->data.data() - frame.data());
    raw->message.data = Slice(std::move(frame), at, raw->data.size());
  }
  return check(std::move(raw->message), raw->crc);
}

Result<Request> decode_request(ByteView frame) {
  if (auto raw = find_upload(frame)) {
    raw->message.data = Bytes(raw->data.begin(), raw->data.end());
    return check(std::move(raw->message), raw->crc);
  }
  wire::Request p;
  if (auto ok = parse_frame(frame, p); !ok) return ok.error();
  switch (p.kind_case()) {
    case wire::Request::kCheckIn:
      return Request(CheckIn{p.check_in().protocol()});
    case wire::Request::kFetchNetwork:
      return Request(FetchNetwork{p.fetch_network().run()});
    case wire::Request::kFetchModel:
      return take(p.fetch_model());
    case wire::Request::kUploadUpdate:
      return take(p.upload_update());
    case wire::Request::kEnroll:
      return take(p.enroll());
    case wire::Request::kRenew:
      return take(p.renew());
    case wire::Request::KIND_NOT_SET:
      break;
  }
  return bad_field("request", "is of no known kind");
}

}  // namespace fedqat
