// Counters of a running coordinator, as Prometheus reads them. Names and units follow
// https://prometheus.io/docs/practices/naming/: base units, _total for counters.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "common/net/tls_server.h"
#include "common/wire/messages.h"

namespace fedqat {

struct RunGauges {
  std::uint32_t rounds_done = 0;
  std::uint32_t rounds = 0;
  std::uint32_t still_wanted = 0;  // updates to end the round
  std::uint32_t devices = 0;
  std::uint32_t devices_revoked = 0;
  std::uint32_t devices_absent = 0;
  double train_loss = 0;  // of the last round
};

// Upper bounds of a histogram's buckets, seconds.
inline constexpr std::array<double, 8> kSyncBuckets = {0.0005, 0.001, 0.002, 0.005,
                                                       0.01,   0.05,  0.25,  1};

// Thread-safe.
class Metrics {
 public:
  void count_update(bool accepted, RefusalCode code);
  void count_round(double seconds);
  void count_sync(double seconds, std::size_t replies);
  void set_run(const RunGauges& gauges);

  // The text exposition format 0.0.4.
  std::string render(const ServerStats& devices, const ServerStats& enrolment) const;

 private:
  mutable std::mutex mutex_;
  RunGauges run_;
  std::uint64_t accepted_ = 0;
  std::map<RefusalCode, std::uint64_t> refused_;
  std::uint64_t rounds_ = 0;
  double round_seconds_ = 0;
  std::array<std::uint64_t, kSyncBuckets.size()> sync_buckets_{};
  std::uint64_t syncs_ = 0;
  double sync_seconds_ = 0;
  std::uint64_t synced_replies_ = 0;
};

}  // namespace fedqat
