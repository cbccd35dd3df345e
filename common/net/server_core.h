// What all threads of a TlsServer share. For the .cc files of this folder.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include "common/net/admission.h"
#include "common/net/memory_budget.h"
#include "common/net/tls_server.h"

namespace fedqat {

class ServerCore {
 public:
  ServerCore(const ServerOptions& server_options, const TlsContext& context, OnRequest handler)
      : options(server_options),
        on_request(std::move(handler)),
        budget(options.memory_limit),
        admission({options.max_connections, options.max_per_address, options.max_unauthenticated}),
        context_(context) {}

  void count(std::uint64_t ServerStats::*field, std::uint64_t n = 1) {
    std::atomic_ref(sums_.*field).fetch_add(n, std::memory_order_relaxed);
  }
  ServerStats stats() const {
    ServerStats s;
    for (const ServerStatsField& f : server_stats_fields()) {
      s.*f.field = std::atomic_ref(sums_.*f.field).load(std::memory_order_relaxed);
    }
    s.connections_now = admission.connections();
    s.unauthenticated_now = admission.unauthenticated();
    s.buffered_now = budget.used();
    s.reply_bytes_now = budget.unsent();
    return s;
  }
  TlsContext context() const {
    const std::scoped_lock lock(context_mutex_);
    return context_;
  }
  void set_context(const TlsContext& context) {
    const std::scoped_lock lock(context_mutex_);
    context_ = context;
  }

  const ServerOptions options;
  const OnRequest on_request;
  MemoryBudget budget;
  Admission admission;

 private:
  mutable std::mutex context_mutex_;
  TlsContext context_;
  mutable ServerStats sums_;  // by atomic_ref alone
};

}  // namespace fedqat
