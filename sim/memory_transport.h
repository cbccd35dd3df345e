// A transport that calls the coordinator in the same process and counts what would be on the wire.
#pragma once

#include "common/base/clock.h"
#include "common/net/transport.h"
#include "coordinator/service.h"

namespace fedqat {

struct Traffic {
  std::uint64_t up = 0;    // bytes of frames from clients
  std::uint64_t down = 0;  // to them
};

// Not thread-safe; everything given must outlive it.
class MemoryTransport final : public Transport {
 public:
  MemoryTransport(Coordinator& coordinator, ClientId who, const Clock& clock, Traffic& traffic)
      : coordinator_(coordinator), who_(who), clock_(clock), traffic_(traffic) {}

  Result<Bytes> call(ByteView request) override {
    traffic_.up += request.size();
    Bytes reply = coordinator_.handle(who_, request, clock_.now_ms());
    traffic_.down += reply.size();
    return reply;
  }

 private:
  Coordinator& coordinator_;
  ClientId who_;
  const Clock& clock_;
  Traffic& traffic_;
};

}  // namespace fedqat
