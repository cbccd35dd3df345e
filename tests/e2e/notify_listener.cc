// Plays systemd's end of sd_notify(3): prints what arrives at a socket, a line each, until it is
// killed.
//   notify_listener PATH
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstdio>
#include <cstring>

int main(int argc, char** argv) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (argc != 2 || std::strlen(argv[1]) >= sizeof address.sun_path) return 2;
  std::strcpy(address.sun_path, argv[1]);
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM, 0);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return 1;
  std::array<char, 1024> text{};
  while (true) {
    const auto n = ::recv(fd, text.data(), text.size(), 0);
    if (n < 0) return 1;
    std::printf("%.*s\n", static_cast<int>(n), text.data());
    std::fflush(stdout);
  }
}
