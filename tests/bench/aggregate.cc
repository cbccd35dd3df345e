// CPU time of adding 100 updates of a million parameters, on one core:
//   bench_aggregate
//   aggregate/8       what the coordinator does with updates of 8 bits, all checks included
//   fp32_axpy/8       the same updates the usual way: dequantize, sum += weight * update in fp32
// Every client has an update of its own, so they come from memory and not from the cache.
#include <benchmark/benchmark.h>

#include "common/base/check.h"
#include "coordinator/aggregator.h"

namespace {

using namespace fedqat;

constexpr std::size_t kParams = 1000000;
constexpr int kClients = 100;
constexpr float kRange = 0.1F;

struct Cohort {
  UpdateGrid grid;
  std::vector<Bytes> payloads;
  std::vector<UpdateStats> stats;
};

Cohort make_cohort(int bits) {
  const float top = bits == kFloatUpdateBits ? 1 : static_cast<float>(max_code({1, bits, 1}));
  Cohort cohort{{{kParams, bits, kRange / top}}, {}, {}};
  std::vector<float> delta(kParams);
  for (std::uint32_t k = 0; k < kClients; ++k) {
    Rng rng({.seed = 1, .client = k});
    for (float& v : delta) v = kRange * (2 * rng.uniform() - 1);
    auto update = encode_update(cohort.grid, delta, rng);
    FEDQAT_CHECK(update);
    cohort.payloads.push_back(std::move(update->payload));
    cohort.stats.push_back({600 + k, 600 + k, 0, update->clipped, update->max_abs, {}});
  }
  return cohort;
}

void aggregate(benchmark::State& bench, int bits) {
  const Cohort cohort = make_cohort(bits);
  for (auto _ : bench) {
    Aggregator a(cohort.grid, 0);
    for (std::size_t k = 0; k < kClients; ++k) {
      FEDQAT_CHECK(a.check(cohort.payloads[k], cohort.stats[k]));
      a.accumulate(cohort.payloads[k], cohort.stats[k]);
    }
    benchmark::DoNotOptimize(std::move(a).report());
  }
}

void fp32_axpy(benchmark::State& bench, int bits) {
  const Cohort cohort = make_cohort(bits);
  for (auto _ : bench) {
    std::vector<float> sum(kParams);
    float weight = 0;
    for (std::size_t k = 0; k < kClients; ++k) {
      const auto update = decode_update(cohort.grid, cohort.payloads[k]);
      const auto samples = static_cast<float>(cohort.stats[k].samples);
      for (std::size_t i = 0; i < kParams; ++i) sum[i] += samples * (*update)[i];
      weight += samples;
    }
    for (float& v : sum) v /= weight;
    benchmark::DoNotOptimize(sum);
  }
}

}  // namespace

int main(int argc, char** argv) {
  for (const int bits : {2, 4, 8, 16, 32}) {
    benchmark::RegisterBenchmark(("aggregate/" + std::to_string(bits)).c_str(), aggregate, bits)
        ->Unit(benchmark::kMillisecond);
  }
  benchmark::RegisterBenchmark("fp32_axpy/8", fp32_axpy, 8)->Unit(benchmark::kMillisecond);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
