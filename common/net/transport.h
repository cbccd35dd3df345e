// How a client reaches its coordinator. The deployed transport speaks TLS; the simulator's calls
// the coordinator in memory (sim/memory_transport.h).
#pragma once

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace fedqat {

// The client always begins, so one call is all there is. Frames as in common/wire/frame.h. Not
// thread-safe: one transport for each session.
class Transport {
 public:
  virtual ~Transport() = default;
  // The reply to `request`, or kUnavailable and kTimeout when there is none: the request may have
  // arrived all the same, and repeating it is harmless.
  virtual Result<Bytes> call(ByteView request) = 0;
};

}  // namespace fedqat
