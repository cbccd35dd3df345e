// Bytes that are a part of a buffer, and the buffer itself: what comes in a frame stays where it
// is.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>

#include "common/base/bytes.h"
#include "common/base/check.h"

namespace fedqat {

// To be read only. A moved-from slice is empty.
class Slice {
 public:
  Slice() = default;
  // Not explicit: a whole buffer may stand wherever a part of one does.
  Slice(Bytes whole) : buffer_(std::move(whole)), size_(buffer_.size()) {}
  Slice(Bytes buffer, std::size_t at, std::size_t size)
      : buffer_(std::move(buffer)), at_(at), size_(size) {
    FEDQAT_CHECK(at <= buffer_.size() && size <= buffer_.size() - at);
  }
  Slice(const Slice& other) : Slice(Bytes(other.begin(), other.end())) {}
  Slice(Slice&& other) noexcept { swap(other); }
  Slice& operator=(Slice other) noexcept {
    swap(other);
    return *this;
  }
  ~Slice() = default;

  const std::byte* data() const { return buffer_.data() + at_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const std::byte* begin() const { return data(); }
  const std::byte* end() const { return data() + size_; }
  const std::byte& operator[](std::size_t i) const { return data()[i]; }
  bool operator==(const Slice& other) const {
    return std::equal(begin(), end(), other.begin(), other.end());
  }

 private:
  void swap(Slice& other) noexcept {
    buffer_.swap(other.buffer_);
    std::swap(at_, other.at_);
    std::swap(size_, other.size_);
  }

  Bytes buffer_;
  std::size_t at_ = 0;
  std::size_t size_ = 0;
};

}  // namespace fedqat
