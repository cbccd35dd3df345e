// BLAKE3 [OConnor20], 32 bytes: a hash tree over pieces of 1024 bytes, so that a processor works on
// as many of them at once as its vectors have lanes. docs/references.md has the paper.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "common/base/bytes.h"
#include "common/crypto/sha256.h"

namespace fedqat {

class Blake3 {
 public:
  Blake3();
  void update(ByteView bytes);
  Digest finish() &&;

 private:
  using Words = std::array<std::uint32_t, 8>;  // a chaining value

  void add_to_piece(ByteView bytes);
  void end_piece();
  std::size_t add_pieces(ByteView bytes);
  void push(const Words& value, std::uint64_t pieces);

  static constexpr std::size_t kBlock = 64;
  static constexpr std::size_t kDepth = 54;  // 2^64 bytes

  Words value_;                            // of the blocks of the open piece
  std::array<std::byte, kBlock> block_{};  // the newest block: it may be the last
  std::size_t in_block_ = 0;
  std::size_t blocks_ = 0;             // of the open piece that are in value_
  std::uint64_t pieces_ = 0;           // ended
  std::array<Words, kDepth> stack_{};  // roots of whole trees, one for each bit of pieces_
  std::size_t depth_ = 0;
};

Digest blake3(ByteView bytes);

}  // namespace fedqat
