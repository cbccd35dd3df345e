// Who may connect: caps on connections in all, from one address, and still in their handshake.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

namespace fedqat {

// Thread-safe.
class Admission {
 public:
  struct Limits {
    std::size_t connections;
    std::size_t per_address;
    std::size_t unauthenticated;
  };
  enum class Verdict : std::uint8_t { kAdmitted, kConnections, kPerAddress, kUnauthenticated };

  explicit Admission(const Limits& limits) : limits_(limits) {}

  // `source`: the IPv4 address, or the first 64 bits of an IPv6 one, which is what one site has.
  Verdict enter(std::uint64_t source);
  void authenticated();  // one that entered ended its handshake
  void leave(std::uint64_t source, bool was_authenticated);
  std::size_t connections() const;
  std::size_t unauthenticated() const;

 private:
  const Limits limits_;
  mutable std::mutex mutex_;
  std::size_t connections_ = 0;
  std::size_t unauthenticated_ = 0;
  std::unordered_map<std::uint64_t, std::size_t> by_source_;
};

}  // namespace fedqat
