// A TCP connection within a time limit. For the .cc files of this folder.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "common/base/result.h"

namespace fedqat {

// A non-blocking connected socket, TCP_NODELAY and keep-alive set. Tries every address of the name
// in turn within the limit. kUnavailable, kTimeout.
Result<int> tcp_connect(const std::string& host, std::uint16_t port, std::int64_t timeout_ms);

// Waits until `fd` is ready for `events` (poll(2)) or `deadline` has come: true if ready.
bool wait_ready(int fd, short events, std::chrono::steady_clock::time_point deadline);

// For peers that vanish without a word: probes in silence, a limit on unacknowledged bytes; and no
// waiting for full packets.
void tune_socket(int fd);

}  // namespace fedqat
