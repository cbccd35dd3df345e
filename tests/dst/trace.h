// What happened in a simulated world, line by line, as a running hash: two worlds with the same
// hash went the same way.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

#include "common/base/fs.h"
#include "common/crypto/sha256.h"

namespace fedqat::dst {

class Trace {
 public:
  explicit Trace(bool shown) : shown_(shown) {}
  void add(std::int64_t at_ms, const std::string& what) {
    const std::string line = std::to_string(at_ms) + " " + what + "\n";
    hash_.update(as_bytes(line));
    ++lines_;
    if (shown_) std::fwrite(line.data(), 1, line.size(), stdout);
  }
  Digest finish() { return std::move(hash_).finish(); }
  std::uint64_t lines() const { return lines_; }

 private:
  bool shown_;
  Sha256 hash_;
  std::uint64_t lines_ = 0;
};

}  // namespace fedqat::dst
