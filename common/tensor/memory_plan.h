// One block of memory for buffers that are not all needed at once.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <utility>
#include <vector>

#include "common/tensor/buffer.h"

namespace fedqat {

// Ticks of a program that a buffer's content has to survive, both ends included.
struct Lifetime {
  int first = 0;
  int last = 0;
};

// Buffers whose lifetimes meet get memory of their own, others may share a place. Where a lifetime
// begins, the content is anything.
class MemoryPlan {
 public:
  // place() sets `buffer`, which must not move before. Needed in all of the lifetimes; what is in
  // it does not last from one to the next.
  template <class T>
  void add(Buffer<T>& buffer, std::size_t size, std::initializer_list<Lifetime> lives) {
    Request r{buffer_bytes(size, sizeof(T)), lives, 0, {}};
    r.set = [&buffer, size](std::byte* at) { buffer = Buffer<T>(reinterpret_cast<T*>(at), size); };
    requests_.push_back(std::move(r));
  }

  // Largest first, each at the lowest place that is free for it. Returns the memory, which must
  // outlive the use of all buffers, and forgets them. Throws std::bad_alloc.
  [[nodiscard]] Buffer<std::byte> place() {
    std::stable_sort(requests_.begin(), requests_.end(),
                     [](const Request& a, const Request& b) { return a.bytes > b.bytes; });
    std::size_t total = 0;
    std::vector<const Request*> placed;  // by offset
    for (Request& r : requests_) {
      for (const Request* p : placed) {
        if (p->offset >= r.offset + r.bytes) break;
        if (meet(r, *p)) r.offset = std::max(r.offset, p->offset + p->bytes);
      }
      const auto behind = [&](const Request* p) { return p->offset > r.offset; };
      placed.insert(std::find_if(placed.begin(), placed.end(), behind), &r);
      total = std::max(total, r.offset + r.bytes);
    }
    Buffer<std::byte> memory(total);
    for (const Request& r : requests_) r.set(memory.data() + r.offset);
    requests_.clear();
    return memory;
  }

 private:
  struct Request {
    std::size_t bytes;
    std::vector<Lifetime> lives;
    std::size_t offset;
    std::function<void(std::byte*)> set;
  };
  static bool meet(const Request& a, const Request& b) {
    for (const Lifetime& x : a.lives) {
      for (const Lifetime& y : b.lives) {
        if (x.first <= y.last && y.first <= x.last) return true;
      }
    }
    return false;
  }

  std::vector<Request> requests_;
};

}  // namespace fedqat
