// Updates that arrive in several chunks, until they are whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/crypto/blake3.h"
#include "common/wire/messages.h"
#include "coordinator/round.h"

namespace fedqat {

// Chunks of a client follow one another; a client that was cut off goes on where Ack.received says.
// An update of one chunk never rests here. An update that is begun has room for all of it, so it
// can always be ended; all together have room for limit bytes, and four payloads at least. When
// there is no room, updates that stood still for kStaleMs are forgotten, and others have to wait.
// Not thread-safe.
class Inbox {
 public:
  explicit Inbox(std::size_t limit = std::size_t{16} << 20) : limit_(limit) {}
  static constexpr std::int64_t kStaleMs = 30000;

  struct Progress {
    std::uint64_t received = 0;
    bool whole = false;
    bool busy = false;  // no room: the same chunk again, later
    Slice payload;      // when whole
  };
  // size is what the round's grid takes; its most, the bound on what is kept for a client.
  // kInvalid: a size beyond it, or the hash is wrong once everything is there (all is forgotten
  // then).
  Result<Progress> add(ClientId who, UploadUpdate&& chunk, const PayloadSize& size,
                       std::int64_t now_ms);
  void forget(ClientId who);
  void clear();

  std::size_t bytes() const { return partial_.size() * payload_size_; }  // reserved now

 private:
  bool make_room(std::int64_t now_ms);

  struct Partial {
    Digest digest{};
    Bytes payload;
    Blake3 hash;               // of the payload
    std::int64_t last_ms = 0;  // of its last chunk
  };
  std::size_t limit_;
  std::size_t payload_size_ = 0;
  std::map<ClientId, Partial> partial_;
};

}  // namespace fedqat
