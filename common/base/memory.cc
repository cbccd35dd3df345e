#include "common/base/memory.h"

#include <malloc.h>
#include <sys/mman.h>

#include <cstdint>
#include <cstdio>

namespace fedqat {
namespace {

constexpr int kMapBytes = 64 << 10;  // blocks from this size on are mapped for themselves

}  // namespace

void release_memory() {
  ::malloc_trim(0);
  std::FILE* maps = std::fopen("/proc/self/maps", "re");
  if (maps == nullptr) return;
  char line[512];
  while (std::fgets(line, sizeof line, maps) != nullptr) {
    unsigned long begin = 0, end = 0, inode = 0;
    char rights[5] = {};
    const int got = std::sscanf(line, "%lx-%lx %4s %*x %*s %lu", &begin, &end, rights, &inode);
    // Code of files is never changed, so nothing is lost; data may be relocated.
    if (got != 4 || inode == 0 || rights[1] == 'w' || rights[2] != 'x') continue;
    (void)::madvise(reinterpret_cast<void*>(static_cast<std::uintptr_t>(begin)), end - begin,
                    MADV_DONTNEED);
  }
  std::fclose(maps);
}

void prefer_small_heap() {
  ::mallopt(M_ARENA_MAX, 1);
  ::mallopt(M_MMAP_THRESHOLD, kMapBytes);
}

std::size_t heap_bytes() {
  const auto info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}

}  // namespace fedqat
