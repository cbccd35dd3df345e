#include "coordinator/inbox.h"

#include <iterator>
#include <utility>

namespace fedqat {
namespace {

constexpr std::size_t kLeastPayloads = 4;

}  // namespace

Result<Inbox::Progress> Inbox::add(ClientId who, UploadUpdate&& chunk, const PayloadSize& size,
                                   std::int64_t now_ms) {
  payload_size_ = size.most;
  if (chunk.payload_size < size.least || chunk.payload_size > size.most) {
    const std::string least = size.least == size.most ? "" : std::to_string(size.least) + " to ";
    return Error{Errc::kInvalid, "update of " + std::to_string(chunk.payload_size) +
                                     " bytes; the round's grid takes " + least +
                                     std::to_string(size.most)};
  }
  Progress progress;
  Digest digest = chunk.digest;
  if (chunk.offset == 0 && chunk.last()) {
    forget(who);
    if (!chunk.name_checked) digest = update_digest(chunk.data, chunk.stats);
    progress.payload = std::move(chunk.data);
  } else {
    const auto known = partial_.find(who);
    if (known != partial_.end() && known->second.digest != chunk.digest) forget(who);
    const auto found = partial_.find(who);
    const std::size_t have = found == partial_.end() ? 0 : found->second.payload.size();
    // A repetition or a gap is told where to go on; nothing needs no memory.
    progress.received = have;
    if (chunk.offset != have || chunk.data.empty()) return progress;
    if (found == partial_.end() && !make_room(now_ms)) {
      progress.busy = true;
      return progress;
    }
    Partial& partial = partial_[who];
    if (have == 0) partial.payload.reserve(size.most);
    partial.digest = chunk.digest;
    partial.last_ms = now_ms;
    partial.payload.insert(partial.payload.end(), chunk.data.begin(), chunk.data.end());
    partial.hash.update(chunk.data);  // while it is in the cache
    progress.received = partial.payload.size();
    if (!chunk.last()) return progress;
    partial.hash.update(chunk.stats);
    digest = std::move(partial.hash).finish();
    progress.payload = std::move(partial.payload);
    forget(who);
  }
  progress.received = progress.payload.size();
  progress.whole = true;
  if (digest != chunk.digest) {
    return Error{Errc::kInvalid, "update does not have its digest"};
  }
  return progress;
}

// Room for one more payload, if need be in place of one whose client went silent.
bool Inbox::make_room(std::int64_t now_ms) {
  const auto fits = [&] {
    return partial_.size() < kLeastPayloads || bytes() + payload_size_ <= limit_;
  };
  for (auto p = partial_.begin(); p != partial_.end() && !fits();) {
    p = now_ms - p->second.last_ms >= kStaleMs ? partial_.erase(p) : std::next(p);
  }
  return fits();
}

void Inbox::forget(ClientId who) { partial_.erase(who); }

void Inbox::clear() { partial_.clear(); }

}  // namespace fedqat
