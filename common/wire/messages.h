// The messages of the protocol as plain values (docs/protocol.md). Decoders take any bytes; what
// they return is inside the bounds given here, or the error (kCorrupt, kInvalid) names the field.
// What depends on the network (number of tensors, payload size) is for the receiver to check.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/slice.h"
#include "common/codec/update_codec.h"
#include "common/crypto/sha256.h"
#include "common/nn/backward.h"
#include "common/quant/histogram.h"
#include "common/wire/network_spec.h"

namespace fedqat {

inline constexpr std::uint32_t kProtocolVersion = 1;

// Data of a chunk; leaves room for everything else in a frame.
inline constexpr std::size_t kChunkBytes = std::size_t{768} << 10;

inline constexpr std::uint32_t kMaxSamples = 1U << 24;     // of one client; a run may take fewer
inline constexpr std::uint64_t kMaxPayload = 1ULL << 31;   // bytes of an update or a model
inline constexpr std::uint64_t kMaxBinCount = 1ULL << 40;  // of a histogram: merging 2^20 is safe
inline constexpr std::size_t kMaxTensors = 1U << 16;       // and steps
inline constexpr std::size_t kMaxPem = 16384;              // of certificates and requests for one
inline constexpr double kLossUnit = 0x1p-20;               // of UpdateStats::loss

// On the wire: never renumbered.
enum class Phase : std::uint8_t {
  kFloat = 1,      // a run that is never quantized
  kWarmup = 2,     // fp32 before the scales are learnt
  kObserve = 3,    // last warm-up round: clients also send histograms
  kQuantized = 4,  // integers, scales move
  kFrozen = 5,     // integers, scales stand still
};
std::string_view phase_name(Phase phase);  // "fp32", "warmup"... as in reports

// ---- requests

struct CheckIn {
  std::uint32_t protocol = kProtocolVersion;
};

struct FetchNetwork {
  std::uint64_t run = 0;
};

struct FetchModel {
  std::uint64_t run = 0;
  std::uint64_t version = 0;
  std::uint32_t chunk = 0;
  // Of the steps from this version on (common/wire/difference.h), each behind its length, u32;
  // without it the model is wanted whole.
  std::optional<std::uint64_t> from = {};
};

struct UpdateStats {
  std::uint32_t samples = 0;              // 1..kMaxSamples: the update's weight in the mean
  std::uint64_t seen = 0;                 // >= samples, < 2^40
  std::uint64_t loss = 0;                 // summed over seen in kLossUnit, < 2^60
  std::uint64_t clipped = 0;              // < 2^40
  std::vector<float> max_abs;             // finite, >= 0
  std::vector<Log2Histogram> histograms;  // counts <= kMaxBinCount
};
Bytes encode_stats(const UpdateStats& stats);
Result<UpdateStats> decode_stats(ByteView bytes);

// What identifies an update: the hash of its payload, then of its statistics.
Digest update_digest(ByteView payload, ByteView stats);

struct UploadUpdate {
  std::uint64_t run = 0;
  std::uint32_t round = 0;
  std::uint64_t version = 0;
  Digest digest{};  // update_digest()
  std::uint64_t payload_size = 0;
  std::uint64_t offset = 0;  // offset + data.size() <= payload_size
  Slice data;
  Bytes stats;                // encode_stats(); with the last chunk, else empty
  bool name_checked = false;  // not on the wire: check_name() found that digest is right

  bool last() const { return offset + data.size() == payload_size; }
};

// Only on the enrolment port.
struct Enroll {
  std::array<std::byte, 16> secret{};  // EnrollmentToken (common/wire/enrollment.h)
  Bytes csr_pem;                       // <= kMaxPem
};

struct Renew {
  Bytes csr_pem;  // <= kMaxPem
};

using Request = std::variant<CheckIn, FetchNetwork, FetchModel, UploadUpdate, Enroll, Renew>;
Bytes encode_request(const Request& request);  // a whole frame
Result<Request> decode_request(ByteView frame);
// The same; an upload's data stays in the frame.
Result<Request> decode_request(Bytes&& frame);
// For the thread that decodes: when the request is a whole update in one chunk, looks whether it
// has its digest, which the coordinator then need not do.
void check_name(Request& request);

// ---- replies

struct GridSpec {
  int bits = 0;  // as TensorGrid
  float step = 1;
  UpdateCodec codec = UpdateCodec::kUniform;
  float share = 1;
  bool operator==(const GridSpec&) const = default;
};

// What a client does in one round.
struct LocalTraining {
  std::uint32_t epochs = 1;     // 1..1000
  std::uint32_t batch = 32;     // 1..4096
  float learning_rate = 0.05F;  // this one and those below: finite, >= 0
  float momentum = 0;           // < 1
  float weight_decay = 0;
  float prox_mu = 0;
  float scale_learning_rate = 0;          // factor on learning_rate; 0: scales stand still
  std::uint32_t calibration_samples = 0;  // 0: no histograms
  Backward backward = Backward::kFloat;   // of quantized models
  std::uint32_t codebook = 0;  // <= 256; weights of a tensor with one value keep one; 0: free
  float kure = 0;  // weight of the kurtosis regulariser (client/kure.h), without codebook
};

struct Task {
  std::uint64_t run = 0;
  std::uint32_t round = 0;  // from 1
  std::uint64_t version = 0;
  Digest config_hash{};
  Digest model_sha256{};
  std::uint64_t model_size = 0;
  Phase phase = Phase::kFloat;
  std::uint32_t client = 0;
  std::uint64_t seed = 0;
  std::uint64_t deadline_ms = 0;  // from the reply on
  LocalTraining training;
  std::vector<GridSpec> grid;
  std::uint32_t max_samples = kMaxSamples;  // an update of more is refused; >= 1
  Bytes manifest;  // signed (common/wire/manifest.h), <= kMaxManifest; empty in the simulator
  // From this version on, <= version, steps to the model can be had; version 0 follows from `seed`.
  // Without it the model is to be had whole alone.
  std::optional<std::uint64_t> steps_from = {};
};

struct RetryLater {};

struct ModelChunk {
  std::uint64_t version = 0;
  std::uint32_t chunk = 0;
  std::uint32_t chunks = 0;  // > chunk
  Digest sha256{};
  Bytes data;
};

struct Ack {
  std::uint64_t run = 0;
  std::uint32_t round = 0;
  std::uint64_t received = 0;
  bool complete = false;

  bool operator==(const Ack&) const = default;
};

// On the wire: never renumbered.
enum class RefusalCode : std::uint8_t {
  kMalformed = 1,  // the request does not parse
  kProtocol = 2,   // a protocol version that is not spoken here
  kWrongRun = 3,
  kWrongRound = 4,      // not open, never was
  kWrongVersion = 5,    // trained on another model
  kLate = 6,            // the round is closed
  kNotInvited = 7,      // no task was given to this client
  kConflict = 8,        // this client's update of the round is already there, and is another one
  kInvalidUpdate = 9,   // shapes, ranges, hash
  kUnknownModel = 10,   // version or chunk that is not kept
  kFinished = 11,       // the run is over
  kBusy = 12,           // nothing is wrong; the same again after retry_after_ms
  kUnknownDevice = 13,  // the device was revoked, or is not of this coordinator
  kQuarantined = 14,    // too many invalid updates of this device in this run
  kBadToken = 15,       // unknown, used or expired
};
std::string_view refusal_name(RefusalCode code);

struct Refusal {
  RefusalCode code = RefusalCode::kMalformed;
  std::string text;
};

struct Enrolled {
  std::string name;
  std::uint32_t number = 0;
  Bytes certificate_pem;
  Bytes authorities_pem;
  Bytes manifest_key;      // 32 bytes, Ed25519
  std::uint16_t port = 0;  // where the coordinator answers devices; 0: it does not say
};

using ReplyBody = std::variant<Task, RetryLater, NetworkSpec, ModelChunk, Ack, Refusal, Enrolled>;
struct Reply {
  std::uint32_t retry_after_ms = 0;
  ReplyBody body = RetryLater{};
};
Bytes encode_reply(const Reply& reply);  // a whole frame
Result<Reply> decode_reply(ByteView frame);

}  // namespace fedqat
