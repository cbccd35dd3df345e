// What systemd wants to be told (sd_notify(3)): a datagram to $NOTIFY_SOCKET, nothing without it.
#pragma once

#include <cstdint>
#include <string_view>

namespace fedqat {

// "READY=1", "STOPPING=1", "RELOADING=1", "STATUS=...", "WATCHDOG=1"; lines joined by '\n'.
void notify_systemd(std::string_view state);

// How often "WATCHDOG=1" is due: half of what systemd allows; 0: it does not watch.
std::int64_t watchdog_interval_ms();

}  // namespace fedqat
