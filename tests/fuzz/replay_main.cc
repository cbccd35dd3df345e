// Replays a fuzz target without a fuzzer: every file of its corpus as it is, then mutations of
// them, the same ones in every run. Any finding stops the process; it says which input did.
//   fuzz_NAME CORPUS_FOLDER MUTATIONS MEMORY_FACTOR
// An input of n bytes may make the decoder hold 2 MiB + MEMORY_FACTOR n at a time.
#include <malloc.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <new>
#include <string>
#include <vector>

#include "common/base/fs.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/mutate.h"

namespace {

using namespace fedqat;

constexpr std::size_t kFree = std::size_t{2} << 20;

std::size_t held = 0;
std::size_t most_held = 0;

void replay(const Bytes& bytes, std::size_t factor) {
  const std::size_t before = held;
  most_held = held;
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  const std::size_t used = most_held - before, limit = kFree + factor * bytes.size();
  if (used <= limit) return;
  std::fprintf(stderr, "an input of %zu bytes takes %zu bytes of memory, limit %zu\n", bytes.size(),
               used, limit);
  std::abort();
}

[[noreturn]] void usage() {
  std::fputs("usage: fuzz_NAME CORPUS_FOLDER MUTATIONS MEMORY_FACTOR\n", stderr);
  std::exit(2);
}

const char* current = "";
unsigned long mutation = 0;

void tell_input(int) {
  std::fprintf(stderr, "FAILED at mutation %lu of the corpus, which began with %s\n", mutation,
               current);
  std::_Exit(1);
}

}  // namespace

// A sanitizer counts and checks in operators of its own.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
void* operator new(std::size_t size) {
  void* p = std::malloc(size);
  if (p == nullptr) throw std::bad_alloc();
  held += malloc_usable_size(p);
  most_held = std::max(most_held, held);
  return p;
}
void operator delete(void* p) noexcept {
  if (p != nullptr) held -= malloc_usable_size(p);
  std::free(p);
}
void operator delete(void* p, std::size_t) noexcept { operator delete(p); }
#endif

int main(int argc, char** argv) {
  if (argc != 4) usage();
  const unsigned long mutations = std::strtoul(argv[2], nullptr, 10);
  const std::size_t factor = std::strtoul(argv[3], nullptr, 10);
  std::signal(SIGABRT, tell_input);
  std::signal(SIGSEGV, tell_input);
  const auto fs = make_posix_fs();
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
    names.push_back(entry.path().string());
  }
  std::sort(names.begin(), names.end());
  if (names.empty()) usage();
  std::vector<Bytes> seeds;
  for (const std::string& name : names) {
    auto bytes = fs->read(name);
    FEDQAT_CHECK(bytes);
    current = name.c_str();
    replay(*bytes, factor);
    seeds.push_back(*std::move(bytes));
  }
  for (mutation = 1; mutation <= mutations; ++mutation) {
    Rng rng({.seed = 41, .round = static_cast<std::uint32_t>(mutation)});
    const auto from = rng.below(static_cast<std::uint32_t>(seeds.size()));
    current = names[from].c_str();
    replay(mutate(seeds, from, rng), factor);
  }
  std::printf("%zu seeds, %lu mutations\n", seeds.size(), mutations);
  return 0;
}
