// What hashing an update costs: BLAKE3 by instruction set (FEDQAT_ISA=avx2|scalar), SHA-256,
// CRC-32C.
#include <benchmark/benchmark.h>

#include "common/base/crc32c.h"
#include "common/crypto/blake3.h"

namespace fedqat {
namespace {

template <class Hash>
void run(benchmark::State& state, Hash hash) {
  const Bytes bytes(static_cast<std::size_t>(state.range(0)), std::byte{7});
  for (auto _ : state) benchmark::DoNotOptimize(hash(bytes));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

BENCHMARK_CAPTURE(run, blake3, [](ByteView b) { return blake3(b); })->Arg(100 << 10)->Arg(1 << 20);
BENCHMARK_CAPTURE(run, sha256, [](ByteView b) { return sha256(b); })->Arg(100 << 10)->Arg(1 << 20);
BENCHMARK_CAPTURE(run, crc32c, [](ByteView b) { return crc32c(b); })->Arg(100 << 10)->Arg(1 << 20);

}  // namespace
}  // namespace fedqat

BENCHMARK_MAIN();
