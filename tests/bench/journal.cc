// What it costs to make updates durable, by payload and by updates a sync:
//   bench_journal [FOLDER]      on the disk of FOLDER, by default that of the temporary files
#include <benchmark/benchmark.h>

#include <filesystem>
#include <string>

#include "common/base/check.h"
#include "coordinator/state/sqlite_journal.h"

namespace {

using namespace fedqat;

std::filesystem::path g_parent;

// A round has 256 updates, then it is closed, so that space is used again as in a run.
void add_and_sync(benchmark::State& bench, std::size_t payload_bytes, int batch) {
  const auto dir = g_parent / "fedqat-bench-journal";
  std::filesystem::remove_all(dir);
  std::filesystem::create_directories(dir);
  auto journal = open_sqlite_journal(dir / "journal.db", dir / "payloads.seg");
  FEDQAT_CHECK(journal);
  Checkpoint checkpoint;
  FEDQAT_CHECK((*journal)->commit_round(checkpoint));
  AcceptedUpdate update;
  update.payload = Bytes(payload_bytes, std::byte{1});
  update.stats.assign(100, std::byte{1});
  update.round = 1;
  for (auto _ : bench) {
    for (int i = 0; i < batch; ++i) {
      FEDQAT_CHECK((*journal)->add(update));
      ++update.client;
    }
    FEDQAT_CHECK((*journal)->sync());
    if (update.client < 256) continue;
    bench.PauseTiming();
    checkpoint.rounds_done = update.round++;
    update.client = 0;
    FEDQAT_CHECK((*journal)->commit_round(checkpoint));
    FEDQAT_CHECK((*journal)->sync());
    bench.ResumeTiming();
  }
  bench.SetItemsProcessed(bench.iterations() * batch);
  bench.SetBytesProcessed(bench.iterations() * batch * static_cast<std::int64_t>(payload_bytes));
  journal->reset();
  std::filesystem::remove_all(dir);
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  g_parent = argc > 1 ? argv[1] : std::filesystem::temp_directory_path();
  for (const std::size_t kib : {1, 16, 256, 1024}) {
    for (const int batch : {1, 16, 64}) {
      const std::string name = "sync/" + std::to_string(kib) + "KiB/x" + std::to_string(batch);
      benchmark::RegisterBenchmark(name.c_str(), add_and_sync, kib << 10, batch)
          ->Unit(benchmark::kMicrosecond)
          ->UseRealTime();
    }
  }
  benchmark::RunSpecifiedBenchmarks();
}
