#include "client/device/checkpoint_store.h"

#include <bit>
#include <cstring>
#include <utility>

#include "client/device/state_file.h"
#include "common/base/failpoint.h"
#include "common/wire/frame.h"
#include "common/wire/identity.pb.h"
#include "common/wire/message_fields.h"

namespace fedqat {
namespace {

static_assert(std::endian::native == std::endian::little, "the file holds numbers as they lie");

constexpr std::string_view kMagic{"FEDQATK\0", 8};
constexpr std::size_t kHistogramWords = 1 + 2 * Log2Histogram::kBins;

template <class T>
std::string raw(const std::vector<T>& v) {
  return text_of(std::as_bytes(std::span(v)));
}

template <class T>
bool take(const std::string& text, std::vector<T>& out) {
  if (text.size() % sizeof(T) != 0) return false;
  out.resize(text.size() / sizeof(T));
  if (!out.empty()) std::memcpy(out.data(), text.data(), text.size());
  return true;
}

std::vector<std::uint64_t> words_of(const std::vector<Log2Histogram>& histograms) {
  std::vector<std::uint64_t> words;
  words.reserve(histograms.size() * kHistogramWords);
  for (const Log2Histogram& h : histograms) {
    words.push_back(h.zeros);
    words.insert(words.end(), h.positive.begin(), h.positive.end());
    words.insert(words.end(), h.negative.begin(), h.negative.end());
  }
  return words;
}

bool take_histograms(const std::string& text, std::vector<Log2Histogram>& out) {
  std::vector<std::uint64_t> words;
  if (!take(text, words) || words.size() % kHistogramWords != 0) return false;
  out.resize(words.size() / kHistogramWords);
  const std::uint64_t* w = words.data();
  for (Log2Histogram& h : out) {
    h.zeros = *w++;
    for (auto& n : h.positive) n = *w++;
    for (auto& n : h.negative) n = *w++;
  }
  return true;
}

}  // namespace

Bytes encode_checkpoint(const TrainCheckpoint& c) {
  wire::TrainCheckpointProto p;
  p.set_task_sha256(text_of(c.task));
  p.set_epoch(c.epoch);
  p.set_next_sample(c.next_sample);
  p.set_seen(c.seen);
  p.set_loss(c.loss);
  p.set_params(raw(c.params));
  p.set_velocity(raw(c.velocity));
  p.set_histograms(raw(words_of(c.histograms)));
  return seal_state(kMagic, serialize(p));
}

Result<TrainCheckpoint> decode_checkpoint(ByteView file) {
  auto payload = open_state(kMagic, file);
  if (!payload) return payload.error();
  wire::TrainCheckpointProto p;
  if (auto ok = parse(*payload, p); !ok) return ok.error();
  const auto task = digest_of(p.task_sha256());
  TrainCheckpoint c{
      task.value_or(Digest{}), p.epoch(), p.next_sample(), p.seen(), p.loss(), {}, {}, {}};
  if (!task || !take(p.params(), c.params) || !take(p.velocity(), c.velocity) ||
      !take_histograms(p.histograms(), c.histograms)) {
    return Error{Errc::kCorrupt, "a field of the checkpoint has a wrong length"};
  }
  return c;
}

CheckpointStore::CheckpointStore(Fs& fs, std::filesystem::path path, const Clock& clock,
                                 std::int64_t interval_ms)
    : fs_(fs),
      path_(std::move(path)),
      clock_(clock),
      interval_ms_(interval_ms),
      last_ms_(clock.now_ms()) {}

std::optional<TrainCheckpoint> CheckpointStore::resume(const Digest& task) {
  last_ms_ = clock_.now_ms();
  const auto file = fs_.read(path_);
  if (!file) {
    if (file.error().code != Errc::kNotFound) trouble_ = file.error();
    return std::nullopt;
  }
  auto checkpoint = decode_checkpoint(*file);
  if (checkpoint && checkpoint->task == task) return std::move(*checkpoint);
  clear();
  if (!checkpoint) {
    trouble_ = at(path_.string(),
                  {Errc::kCorrupt, checkpoint.error().what + "; training starts at its beginning"});
  }
  return std::nullopt;
}

bool CheckpointStore::due() { return clock_.now_ms() - last_ms_ >= interval_ms_; }

void CheckpointStore::keep(const TrainCheckpoint& checkpoint) {
  const Bytes file = encode_checkpoint(checkpoint);
  FEDQAT_FAILPOINT("client.checkpoint.before_write");
  if (auto ok = fs_.write_private(path_, file); !ok) trouble_ = ok.error();
  FEDQAT_FAILPOINT("client.checkpoint.after_write");
  last_ms_ = clock_.now_ms();  // after the write: a slow disk may not take all the time
}

void CheckpointStore::clear() {
  FEDQAT_FAILPOINT("client.checkpoint.before_remove");
  if (auto ok = fs_.remove(path_); !ok) trouble_ = ok.error();
  FEDQAT_FAILPOINT("client.checkpoint.after_remove");
}

}  // namespace fedqat
