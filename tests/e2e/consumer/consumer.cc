// A program of somebody else that trains a federation with the installed libraries.
#include <cstdio>

#include "common/data/digits.h"
#include "common/wire/config.h"
#include "sim/run.h"

int main() {
  const auto config = fedqat::parse_config("[run]\nrounds = 4\n", "built in", {});
  if (!config) return 1;
  const auto run = fedqat::run_federation(
      *config, fedqat::load_digits(), [](const fedqat::RunReport&, std::uint32_t) { return true; });
  if (!run || run->report.rounds.size() != 4) return 1;
  std::printf("accuracy %.3f after %zu rounds\n", run->report.final_accuracy,
              run->report.rounds.size());
  return 0;
}
