#include "common/crypto/blake3.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "common/crypto/blake3_lanes.h"

namespace fedqat {
namespace {

using namespace blake3_flags;

constexpr std::size_t kPiece = 1024;
constexpr std::size_t kPieceBlocks = 16;
constexpr std::size_t kValue = 32;
constexpr std::size_t kMostPieces = 256;  // that become one value at a time

using Words = std::array<std::uint32_t, 8>;

Words parent(const Words& left, const Words& right, std::uint32_t flags) {
  std::array<std::byte, 2 * kValue> block;
  std::memcpy(block.data(), left.data(), kValue);
  std::memcpy(block.data() + kValue, right.data(), kValue);
  return blake3_compress(kBlake3Iv, block.data(), block.size(), 0, kParent | flags);
}

// `out` may be where the inputs are.
void hash_all(Blake3Inputs inputs, std::size_t n, std::byte* out) {
  const Blake3Lanes& lanes = blake3_lanes();
  while (n > 0) {
    const std::size_t some = std::min(n, lanes.lanes);
    lanes.hash(inputs, some, out);
    inputs.in += some * inputs.stride;
    inputs.counter += some * inputs.counter_step;
    out += some * kValue;
    n -= some;
  }
}

}  // namespace

Blake3::Blake3() : value_(kBlake3Iv) {}

void Blake3::update(ByteView bytes) {
  while (!bytes.empty()) {
    if (blocks_ == kPieceBlocks - 1 && in_block_ == kBlock) end_piece();
    std::size_t n = 0;
    if (blocks_ == 0 && in_block_ == 0) n = add_pieces(bytes);
    if (n == 0) {
      n = std::min(bytes.size(), kPiece - blocks_ * kBlock - in_block_);
      add_to_piece(bytes.first(n));
    }
    bytes = bytes.subspan(n);
  }
}

// The last block waits: only the next byte tells that it does not end everything.
void Blake3::add_to_piece(ByteView bytes) {
  while (!bytes.empty()) {
    if (in_block_ == kBlock) {
      value_ = blake3_compress(value_, block_.data(), kBlock, pieces_, blocks_ == 0 ? kStart : 0);
      ++blocks_;
      in_block_ = 0;
    }
    const std::size_t n = std::min(bytes.size(), kBlock - in_block_);
    std::memcpy(block_.data() + in_block_, bytes.data(), n);
    in_block_ += n;
    bytes = bytes.subspan(n);
  }
}

void Blake3::end_piece() {
  push(blake3_compress(value_, block_.data(), kBlock, pieces_, kEnd), 1);
  value_ = kBlake3Iv;
  in_block_ = blocks_ = 0;
}

// The greatest whole tree that may follow here and is not the end; 0: there is none.
std::size_t Blake3::add_pieces(ByteView bytes) {
  std::size_t n = std::min(kMostPieces, std::bit_floor((bytes.size() - 1) / kPiece));
  while (n > 0 && pieces_ % n != 0) n /= 2;
  if (n == 0) return 0;
  std::array<std::byte, kMostPieces * kValue> values;
  hash_all({bytes.data(), kPiece, kPieceBlocks, pieces_, 1, 0, kStart, kEnd}, n, values.data());
  for (std::size_t left = n / 2; left > 0; left /= 2) {
    hash_all({values.data(), 2 * kValue, 1, 0, 0, kParent, 0, 0}, left, values.data());
  }
  Words root;
  std::memcpy(root.data(), values.data(), kValue);
  push(root, n);
  return n * kPiece;
}

// The root of a tree of `pieces`, a power of two, behind which more will come.
void Blake3::push(const Words& value, std::uint64_t pieces) {
  pieces_ += pieces;
  Words root = value;
  for (std::uint64_t trees = pieces_ / pieces; trees % 2 == 0; trees /= 2) {
    root = parent(stack_[--depth_], root, 0);
  }
  stack_[depth_++] = root;
}

Digest Blake3::finish() && {
  const std::uint32_t flags = (blocks_ == 0 ? kStart : 0) | kEnd | (depth_ == 0 ? kRoot : 0);
  Words root = blake3_compress(value_, block_.data(), in_block_, pieces_, flags);
  while (depth_ > 0) {
    --depth_;
    root = parent(stack_[depth_], root, depth_ == 0 ? kRoot : 0);
  }
  Digest digest;
  std::memcpy(digest.data(), root.data(), digest.size());
  return digest;
}

Digest blake3(ByteView bytes) {
  Blake3 hash;
  hash.update(bytes);
  return std::move(hash).finish();
}

}  // namespace fedqat
