// dst --seeds A..B [--mode mixed|onehot|model] [--threads N] [--repeat N] [--normal]
//                  [--expect-losses]
//     --repeat: each world N times, which must go the same way; --normal: SQLite does not sync
//     commits; --expect-losses: acknowledged updates must be lost, or the simulation is blind
// dst --seed N --verbose                    one world, told line by line
// dst --failpoints FILE --outside FILE [--times N]
//     FILE names all failpoints, one a line: each one either stops processes N times, with all
//     promises kept, or is listed in the other file as not reachable here
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <thread>

#include "common/base/failpoint.h"
#include "tests/dst/world.h"

namespace fedqat::dst {
void pass_in_world(const char* name);
}

namespace {

using namespace fedqat;
using namespace fedqat::dst;

struct Arguments {
  Options options;
  std::uint64_t first = 0, last = 0;
  unsigned threads = 1;
  unsigned repeat = 1;
  bool expect_losses = false;
  std::string failpoints, outside;
  std::uint64_t times = 20;
};

[[noreturn]] void usage(const std::string& problem) {
  std::fprintf(stderr, "dst: %s; see the head of tests/dst/main.cc\n", problem.c_str());
  std::exit(2);
}

Arguments parse(int argc, char** argv) {
  Arguments a;
  for (int i = 1; i < argc; ++i) {
    const std::string key = argv[i];
    const auto value = [&]() -> std::string {
      if (++i == argc) usage(key + " needs a value");
      return argv[i];
    };
    if (key == "--seeds") {
      const std::string range = value();
      const std::size_t dots = range.find("..");
      if (dots == std::string::npos) usage("--seeds takes A..B");
      a.first = std::stoull(range.substr(0, dots));
      a.last = std::stoull(range.substr(dots + 2));
    } else if (key == "--seed") {
      a.first = a.last = std::stoull(value());
    } else if (key == "--verbose") {
      a.options.verbose = true;
    } else if (key == "--threads") {
      a.threads = static_cast<unsigned>(std::stoul(value()));
    } else if (key == "--repeat") {
      a.repeat = static_cast<unsigned>(std::stoul(value()));
    } else if (key == "--normal") {
      a.options.synchronous = Synchronous::kNormal;
    } else if (key == "--expect-losses") {
      a.expect_losses = true;
    } else if (key == "--failpoint") {
      a.options.failpoint = value();
    } else if (key == "--failpoints") {
      a.failpoints = value();
    } else if (key == "--outside") {
      a.outside = value();
    } else if (key == "--times") {
      a.times = std::stoull(value());
    } else if (key == "--mode") {
      const std::string mode = value();
      if (mode != "mixed" && mode != "onehot" && mode != "model") usage("no mode " + mode);
      a.options.mode = mode == "mixed"    ? Mode::kMixed
                       : mode == "onehot" ? Mode::kOneHot
                                          : Mode::kModel;
    } else {
      usage("no option " + key);
    }
  }
  return a;
}

std::string command(std::uint64_t seed, const Options& options) {
  const char* modes[] = {"mixed", "onehot", "model"};
  std::string text =
      "dst --seed " + std::to_string(seed) + " --mode " + modes[static_cast<int>(options.mode)];
  if (options.synchronous == Synchronous::kNormal) text += " --normal";
  if (!options.failpoint.empty()) text += " --failpoint " + options.failpoint;
  return text + " --verbose";
}

void report_failure(std::uint64_t seed, const Options& options, const std::string& what) {
  std::printf("FAILED seed %llu: %s\n    %s\n", static_cast<unsigned long long>(seed), what.c_str(),
              command(seed, options).c_str());
}

void print(const char* name, std::uint64_t value) {
  std::printf("  %-22s %llu\n", name, static_cast<unsigned long long>(value));
}

void print(const Totals& t) {
  print("rounds", t.rounds);
  print("acks", t.acks);
  print("updates acknowledged", t.acked_updates);
  print("requests", t.requests);
  print("messages lost", t.lost);
  print("messages damaged", t.flipped);
  print("duplicates", t.duplicates);
  print("conflicting updates", t.probes);
  print("connections cut", t.refused_connections);
  print("batches", t.batches);
  print("coordinator killed", t.kills);
  print("power cuts", t.power_cuts);
  print("disk faults", t.disk_errors);
  print("failed syncs", t.failed_syncs);
  print("failed starts", t.failed_starts);
  print("failpoint stops", t.failpoint_stops);
  print("device crashes", t.device_crashes);
  print("pauses", t.pauses);
  print("clock jumps", t.jumps);
  print("most bytes in an inbox", t.most_inbox_bytes);
  print("simulated hours", t.simulated_ms / 3'600'000);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  print("peak RSS MiB", static_cast<std::uint64_t>(usage.ru_maxrss) / 1024);
}

struct Campaign {
  Totals totals;
  std::uint64_t failures = 0;
  std::uint64_t losses = 0;  // of these, something that was durable or acknowledged is gone
  Digest trace{};            // of all worlds, whatever the threads
};

Campaign run_seeds(const Arguments& a) {
  Campaign campaign;
  std::mutex mutex;
  std::atomic<std::uint64_t> next{a.first};
  const auto work = [&] {
    for (std::uint64_t seed = next++; seed <= a.last; seed = next++) {
      Outcome outcome = simulate(seed, a.options);
      for (unsigned i = 1; i < a.repeat; ++i) {
        if (simulate(seed, a.options).trace != outcome.trace) outcome.failure = "went another way";
      }
      const std::scoped_lock lock(mutex);
      campaign.totals += outcome.totals;
      for (std::size_t i = 0; i < outcome.trace.size(); ++i) campaign.trace[i] ^= outcome.trace[i];
      if (outcome.failure.empty()) continue;
      ++campaign.failures;
      campaign.losses += outcome.lost ? 1 : 0;
      if (!a.expect_losses) report_failure(seed, a.options, outcome.failure);
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 1; i < a.threads; ++i) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  return campaign;
}

int play(const Arguments& a) {
  const auto start = std::chrono::steady_clock::now();
  const Campaign campaign = run_seeds(a);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  const auto seeds = static_cast<double>(a.last - a.first + 1);
  std::printf("dst: %.0f seeds in %.1f s: %.1f seeds/s, %.0f times real time\n", seeds,
              took.count(), seeds / took.count(),
              static_cast<double>(campaign.totals.simulated_ms) / 1000 / took.count());
  print(campaign.totals);
  std::printf("  %-22s %s\n", "trace", to_hex(campaign.trace).c_str());
  std::printf("dst: %llu of %.0f seeds failed, %llu of them lost what was acknowledged\n",
              static_cast<unsigned long long>(campaign.failures), seeds,
              static_cast<unsigned long long>(campaign.losses));
  return (a.expect_losses ? campaign.losses > 0 : campaign.failures == 0) ? 0 : 1;
}

std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream in(path);
  if (!in) usage("cannot read " + path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) {
    line.resize(std::min(line.find_first_of(" #"), line.size()));
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

int play_failpoints(const Arguments& a) {
  constexpr std::uint64_t kSeeds = 500;  // for each
  const std::vector<std::string> names = lines_of(a.failpoints);
  const std::vector<std::string> outside = lines_of(a.outside);
  int problems = 0;
  std::uint64_t inside = 0, stops = 0;
  for (const std::string& name : names) {
    Options options = a.options;
    options.failpoint = name;
    const bool expected = std::find(outside.begin(), outside.end(), name) == outside.end();
    std::uint64_t times = 0, seed = 0;
    // One world shows whether a failpoint that should be out of reach is.
    for (; seed < (expected ? kSeeds : 1) && times < a.times; ++seed) {
      const Outcome outcome = simulate(seed, options);
      times += outcome.totals.failpoint_stops;
      if (outcome.failure.empty()) continue;
      ++problems;
      report_failure(seed, options, outcome.failure);
    }
    std::printf("  %-36s %4llu stops in %llu worlds%s\n", name.c_str(),
                static_cast<unsigned long long>(times), static_cast<unsigned long long>(seed),
                expected ? "" : " (elsewhere)");
    inside += expected ? 1 : 0;
    stops += times;
    if (expected && times < a.times) {
      ++problems;
      std::printf(
          "FAILED %s: not stopped at often enough; if only a program can reach it, list it "
          "in %s\n",
          name.c_str(), a.outside.c_str());
    }
    if (!expected && times > 0) {
      ++problems;
      std::printf("FAILED %s: is reached; take it out of %s\n", name.c_str(), a.outside.c_str());
    }
  }
  for (const std::string& name : outside) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    ++problems;
    std::printf("FAILED %s: there is no such failpoint; take it out of %s\n", name.c_str(),
                a.outside.c_str());
  }
  std::printf("dst: %zu failpoints, %llu of them here with %llu stops, %d problems\n", names.size(),
              static_cast<unsigned long long>(inside), static_cast<unsigned long long>(stops),
              problems);
  return problems == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments = parse(argc, argv);
  set_failpoint_handler(pass_in_world);
  return arguments.failpoints.empty() ? play(arguments) : play_failpoints(arguments);
}
