// Entropy coding of small symbols: a range coder [Martin79] with carries, and models that learn the
// symbols' frequencies on the way, so that no table is sent. Integers only: the same bytes on every
// machine.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace fedqat {

// Frequencies of `symbols` kinds, 1..1024: all alike at first, each use counts. Not thread-safe.
class AdaptiveModel {
 public:
  explicit AdaptiveModel(int symbols);

  struct Interval {
    std::uint32_t begin, size;
  };
  std::uint32_t total() const { return total_; }  // <= 2^16
  Interval interval(int symbol) const;
  // The symbol whose interval holds `at` < total().
  int symbol_at(std::uint32_t at) const;
  void count(int symbol);

 private:
  std::vector<std::uint32_t> counts_;
  std::uint32_t total_;
};

class RangeEncoder {
 public:
  void put(AdaptiveModel& model, int symbol);
  Bytes finish() &&;

 private:
  void shift();

  Bytes out_;
  std::uint64_t low_ = 0;
  std::uint32_t range_ = 0xffffffffU;
  std::uint8_t held_ = 0;   // last byte, which a carry may still raise
  std::uint64_t ones_ = 0;  // 0xff bytes behind it
  bool first_ = true;
};

// Reads any bytes: behind their end come zeros, and ok() says that it happened.
class RangeDecoder {
 public:
  explicit RangeDecoder(ByteView bytes);
  int take(AdaptiveModel& model);
  bool ok() const { return missing_ == 0; }
  // All bytes were read.
  bool at_end() const { return at_ == bytes_.size(); }

 private:
  std::uint8_t next();

  ByteView bytes_;
  std::size_t at_ = 0, missing_ = 0;
  std::uint32_t code_ = 0, range_ = 0xffffffffU;
};

// Symbols 0..kinds - 1, kinds 1..256, with one model.
Bytes encode_symbols(std::span<const std::uint8_t> symbols, int kinds);
// Exactly `count` symbols; kCorrupt: too few or too many bytes.
Result<std::vector<std::uint8_t>> decode_symbols(ByteView bytes, std::size_t count, int kinds);

}  // namespace fedqat
