// Updates that arrive in several chunks, until they are whole.
#pragma once

#include <cstddef>
#include <list>
#include <map>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/wire/messages.h"
#include "coordinator/round.h"

namespace fedqat {

// Chunks of a client follow one another; a client that was cut off goes on where Ack.received says.
// An update of one chunk never rests here. All together keep at most budget() bytes of payload:
// beyond it the update that was begun first is forgotten, and its client begins anew when it goes
// on. Not thread-safe.
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
  void forget(ClientId who);
  void clear();

  // max(4 payloads, 16 MiB)
  static std::size_t budget(std::size_t payload_size);
  std::size_t bytes() const { return bytes_; }  // kept now

 private:
  void make_room(ClientId who, std::size_t more, std::size_t budget);

  struct Partial {
    Digest sha256{};
    Bytes payload;
  };
  std::map<ClientId, Partial> partial_;
  std::list<ClientId> order_;  // of partial_, the first begun first
  std::size_t bytes_ = 0;
};

}  // namespace fedqat
