// Memory for kernels: 64-byte aligned, with readable slack behind the end.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <span>

namespace fedqat {

inline constexpr std::size_t kAlignment = 64;

// Up to kSlackBytes behind the last element may be read, and written with values that mean nothing
// (im2col does), so that a kernel may move whole vectors at the end of the last row.
inline constexpr std::size_t kSlackBytes = 64;

// Bytes of a buffer of `size` elements of `width` bytes, slack included.
constexpr std::size_t buffer_bytes(std::size_t size, std::size_t width) {
  return (size * width + kSlackBytes + kAlignment - 1) / kAlignment * kAlignment;
}

template <class T>
class Buffer {
 public:
  Buffer() = default;
  // Owns its memory, zeroed. Throws std::bad_alloc.
  explicit Buffer(std::size_t size) : size_(size) {
    const std::size_t bytes = buffer_bytes(size, sizeof(T));
    data_.reset(static_cast<T*>(std::aligned_alloc(kAlignment, bytes)));
    if (data_ == nullptr) throw std::bad_alloc();
    std::memset(static_cast<void*>(data_.get()), 0, bytes);
  }
  // Memory of another, aligned, of buffer_bytes(size, sizeof(T)).
  Buffer(T* at, std::size_t size) : data_(at, Free{false}), size_(size) {}

  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  std::size_t size() const { return size_; }
  T& operator[](std::size_t i) { return data_.get()[i]; }
  const T& operator[](std::size_t i) const { return data_.get()[i]; }
  std::span<T> span() { return {data_.get(), size_}; }
  std::span<const T> span() const { return {data_.get(), size_}; }

 private:
  struct Free {
    bool owns = true;
    void operator()(T* p) const {
      if (owns) std::free(p);
    }
  };
  std::unique_ptr<T, Free> data_;
  std::size_t size_ = 0;
};

}  // namespace fedqat
