#include "coordinator/inbox.h"

#include <algorithm>
#include <utility>

namespace fedqat {
namespace {

constexpr std::size_t kLeastBudget = std::size_t{16} << 20;
constexpr std::size_t kBudgetPayloads = 4;

}  // namespace

std::size_t Inbox::budget(std::size_t payload_size) {
  return std::max(kBudgetPayloads * payload_size, kLeastBudget);
}

Result<Inbox::Progress> Inbox::add(ClientId who, UploadUpdate&& chunk, std::size_t payload_size) {
  if (chunk.payload_size != payload_size) {
    return Error{Errc::kInvalid, "update of " + std::to_string(chunk.payload_size) +
                                     " bytes; the round's grid takes " +
                                     std::to_string(payload_size)};
  }
  Progress progress;
  if (chunk.offset == 0 && chunk.last()) {
    forget(who);
    progress.payload = std::move(chunk.data);
  } else {
    const auto known = partial_.find(who);
    if (known != partial_.end() && known->second.sha256 != chunk.sha256) forget(who);
    const auto found = partial_.find(who);
    const std::size_t have = found == partial_.end() ? 0 : found->second.payload.size();
    // A repetition or a gap is told where to go on; nothing needs no memory.
    progress.received = have;
    if (chunk.offset != have || chunk.data.empty()) return progress;
    if (have == 0) order_.push_back(who);
    make_room(who, chunk.data.size(), budget(payload_size));
    Partial& partial = partial_[who];
    partial.sha256 = chunk.sha256;
    partial.payload.insert(partial.payload.end(), chunk.data.begin(), chunk.data.end());
    bytes_ += chunk.data.size();
    progress.received = partial.payload.size();
    if (!chunk.last()) return progress;
    progress.payload = std::move(partial.payload);
    bytes_ -= progress.payload.size();
    forget(who);
  }
  progress.received = progress.payload.size();
  progress.whole = true;
  if (update_digest(progress.payload, chunk.stats) != chunk.sha256) {
    return Error{Errc::kInvalid, "update does not have its SHA-256"};
  }
  return progress;
}

// Forgets the oldest partial updates of others until `more` bytes fit.
void Inbox::make_room(ClientId who, std::size_t more, std::size_t budget) {
  for (auto oldest = order_.begin(); oldest != order_.end() && bytes_ + more > budget;) {
    const ClientId other = *oldest++;  // forget() takes it from the list
    if (other != who) forget(other);
  }
}

void Inbox::forget(ClientId who) {
  const auto partial = partial_.find(who);
  if (partial == partial_.end()) return;
  bytes_ -= partial->second.payload.size();
  partial_.erase(partial);
  order_.remove(who);
}

void Inbox::clear() {
  partial_.clear();
  order_.clear();
  bytes_ = 0;
}

}  // namespace fedqat
