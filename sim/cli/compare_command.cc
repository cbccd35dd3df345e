#include <cstdio>
#include <memory>

#include "common/cli/exit_code.h"
#include "common/wire/config.h"
#include "sim/cli/commands.h"
#include "sim/cli/compare_progress.h"
#include "sim/cli/interrupt.h"
#include "sim/cli/run_dir.h"
#include "sim/compare.h"

namespace fedqat {

int compare_command(const RunOptions& options, Fs& fs, const Clock& clock) {
  Places places;
  const auto config = load_config(fs, options.input, &places);
  if (!config) return complain(config.error());
  const auto data = load_config_data(fs, *config, options.input);
  if (!data) return complain(data.error());
  const std::filesystem::path dir =
      options.out.empty()
          ? default_dir("fedqat-compare", config->run().name(), config->run().seed())
          : options.out;
  const auto size = check_comparison(*config, *data, places);
  if (!size) return complain(size.error());
  if (auto r = claim_dir(fs, dir); !r) return complain(r.error());

  auto progress =
      std::make_unique<CompareProgress>(stderr, detect_terminal(2), clock, *size, options.quiet);
  const auto outcome = compare_techniques(
      *config, *data, [&](const std::string& what, const RunReport& so_far, std::uint32_t total) {
        progress->round(what, so_far, total);
        return !interrupted();
      });
  progress.reset();  // ends its line
  if (!outcome) return fail_run(fs, dir, outcome.error());

  const CompareReport& report = outcome->report;
  const CompareFiles files{.report = &report,
                           .config_toml = effective_toml(*config),
                           .data_sha256 = data->sha256,
                           .interrupted = !outcome->complete};
  if (auto r = write_compare(fs, dir, files); !r) return fail_run(fs, dir, r.error());
  if (options.json) {
    std::fputs(compare_json(report).c_str(), stdout);
  } else {
    std::printf("%s\nreport  %s\n", compare_table(report).c_str(),
                (dir / "compare.html").string().c_str());
  }
  return outcome->complete ? kExitOk : kExitInterrupted;
}

}  // namespace fedqat
