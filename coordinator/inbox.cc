#include "coordinator/inbox.h"

#include <utility>

namespace fedqat {

Result<Inbox::Progress> Inbox::add(ClientId who, UploadUpdate&& chunk, std::size_t payload_size) {
  if (chunk.payload_size != payload_size) {
    return Error{Errc::kInvalid, "update of " + std::to_string(chunk.payload_size) +
                                     " bytes; the round's grid takes " +
                                     std::to_string(payload_size)};
  }
  Progress progress;
  if (chunk.offset == 0 && chunk.last()) {
    partial_.erase(who);
    progress.payload = std::move(chunk.data);
  } else {
    Partial& partial = partial_[who];
    if (partial.sha256 != chunk.sha256) partial = {chunk.sha256, {}};
    if (chunk.offset != partial.payload.size()) {  // a repetition or a gap: say where to go on
      progress.received = partial.payload.size();
      return progress;
    }
    partial.payload.insert(partial.payload.end(), chunk.data.begin(), chunk.data.end());
    progress.received = partial.payload.size();
    if (!chunk.last()) return progress;
    progress.payload = std::move(partial.payload);
    partial_.erase(who);
  }
  progress.received = progress.payload.size();
  progress.whole = true;
  if (update_digest(progress.payload, chunk.stats) != chunk.sha256) {
    return Error{Errc::kInvalid, "update does not have its SHA-256"};
  }
  return progress;
}

}  // namespace fedqat
