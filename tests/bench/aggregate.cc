// Cost of adding 100 updates of a million parameters, checks included:
//   bench_aggregate
#include <benchmark/benchmark.h>

#include "common/base/check.h"
#include "coordinator/aggregator.h"

namespace {

using namespace fedqat;

void aggregate(benchmark::State& bench, int bits) {
  constexpr std::size_t kParams = 1000000;
  constexpr int kClients = 100;
  const UpdateGrid grid = {{kParams, bits, 0.01F}};
  std::vector<float> delta(kParams);
  Rng rng({.seed = 1});
  for (float& v : delta) v = 0.1F * rng.uniform();
  const auto update = encode_update(grid, delta, rng);
  FEDQAT_CHECK(update);
  const UpdateStats stats{600, 600, 0, 0, update->max_abs, {}};
  for (auto _ : bench) {
    Aggregator a(grid, 0);
    for (int k = 0; k < kClients; ++k) {
      FEDQAT_CHECK(a.check(update->payload, stats));
      a.accumulate(update->payload, stats);
    }
    benchmark::DoNotOptimize(std::move(a).report());
  }
  bench.SetBytesProcessed(bench.iterations() * kClients *
                          static_cast<std::int64_t>(update->payload.size()));
}

}  // namespace

int main(int argc, char** argv) {
  for (const int bits : {2, 4, 8, 16, 32}) {
    benchmark::RegisterBenchmark(("aggregate/" + std::to_string(bits)).c_str(), aggregate, bits)
        ->Unit(benchmark::kMillisecond);
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
