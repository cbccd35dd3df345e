#include "common/base/systemd.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <string>

#include "tests/support/temp_dir.h"

using namespace fedqat;

TEST_CASE("systemd: a state arrives as one datagram; without a socket nothing happens") {
  ::unsetenv("NOTIFY_SOCKET");
  notify_systemd("READY=1");
  const TempDir dir;
  const std::string path = (dir.path() / "notify").string();
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  REQUIRE(path.size() < sizeof address.sun_path);
  std::memcpy(address.sun_path, path.c_str(), path.size());
  REQUIRE(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  notify_systemd("WATCHDOG=1");
  ::unsetenv("NOTIFY_SOCKET");
  char text[64];
  const auto got = ::recv(fd, text, sizeof text, MSG_DONTWAIT);
  ::close(fd);
  REQUIRE(got == 10);
  REQUIRE(std::string(text, 10) == "WATCHDOG=1");
}

TEST_CASE("systemd: the watchdog is fed at half of what is allowed, by the process that is meant") {
  ::unsetenv("WATCHDOG_USEC");
  CHECK(watchdog_interval_ms() == 0);
  ::setenv("WATCHDOG_USEC", "30000000", 1);
  ::unsetenv("WATCHDOG_PID");
  CHECK(watchdog_interval_ms() == 15000);
  ::setenv("WATCHDOG_PID", "1", 1);
  CHECK(watchdog_interval_ms() == 0);
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  CHECK(watchdog_interval_ms() == 15000);
  ::unsetenv("WATCHDOG_USEC");
  ::unsetenv("WATCHDOG_PID");
}
