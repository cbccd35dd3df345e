// Updates that arrive in several chunks, until they are whole.
#pragma once

#include <map>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/wire/messages.h"
#include "coordinator/round.h"

namespace fedqat {

// Chunks of a client follow one another; a client that was cut off goes on where Ack.received says.
// An update of one chunk never rests here. Not thread-safe.
class Inbox {
 public:
  struct Progress {
    std::uint64_t received = 0;
    bool whole = false;
    Bytes payload;  // when whole
  };
  // payload_size is what the round's grid takes: the bound on what is kept for a client.
  // kInvalid: another size, or the hash is wrong once everything is there (all is forgotten then).
  Result<Progress> add(ClientId who, UploadUpdate&& chunk, std::size_t payload_size);
  void forget(ClientId who) { partial_.erase(who); }
  void clear() { partial_.clear(); }

 private:
  struct Partial {
    Digest sha256{};
    Bytes payload;
  };
  std::map<ClientId, Partial> partial_;
};

}  // namespace fedqat
