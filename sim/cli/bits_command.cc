#include <cmath>
#include <cstdio>

#include "common/cli/exit_code.h"
#include "common/wire/config.h"
#include "common/wire/model_config.h"
#include "common/wire/partition_config.h"
#include "sim/cli/commands.h"
#include "sim/cli/interrupt.h"
#include "sim/cli/progress.h"
#include "sim/compare_rows.h"
#include "sim/mixed/search.h"
#include "sim/run.h"

namespace fedqat {
namespace {

Result<void> check_budget(const BitsOptions& options) {
  const auto bad = [](const std::optional<double>& given) {
    return given && !(std::isfinite(*given) && *given > 0 && *given < 1e12);
  };
  if (options.budget_kb.has_value() == options.budget_bits.has_value()) {
    return Error{Errc::kInvalid, "bits: a budget is needed; add --budget-bits 3 or --budget-kb 25"};
  }
  if (bad(options.budget_kb)) {
    return Error{Errc::kInvalid, "--budget-kb: a size is above 0; use 25"};
  }
  if (bad(options.budget_bits)) {
    return Error{Errc::kInvalid, "--budget-bits: bits a weight are above 0; use 3"};
  }
  return {};
}

std::uint64_t budget_bytes(const std::vector<LayerWidths>& layers, const BitsOptions& options) {
  return options.budget_bits ? budget_of(layers, *options.budget_bits)
                             : static_cast<std::uint64_t>(*options.budget_kb * 1000);
}

// Is there anything to choose from? Known before the training, which takes its time.
Result<void> check_room(const wire::Config& config, const Dataset& train,
                        const BitsOptions& options) {
  const auto network = network_from_config(config, train.shape, train.classes, train.grid);
  if (!network) return network.error();
  const auto graph = build_graph(network->model, network->quant.in_fp32());
  if (!graph) return graph.error();
  const auto layers = layer_widths(*graph);
  if (auto ok = search_bits(layers, budget_bytes(layers, options)); !ok) return ok.error();
  return {};
}

Result<ChosenBits> search(const wire::Config& config, const DataSplit& data, const ModelState& fp32,
                          const BitsOptions& options) {
  const Dataset& train = data.train;
  const auto network = network_from_config(config, train.shape, train.classes, train.grid);
  if (!network) return network.error();
  const auto partition = partition_from_config(config, train);
  if (!partition) return partition.error();
  auto layers =
      measure_sensitivity(*network, fp32, train, *partition, calibration_from_config(config),
                          config.quant().calibration_samples());
  if (!layers) return layers.error();
  const std::uint64_t budget = budget_bytes(*layers, options);
  return search_bits(std::move(*layers), budget);
}

}  // namespace

int bits_command(const BitsOptions& options, Fs& fs, const Clock& clock) {
  if (auto r = check_budget(options); !r) return complain(r.error());
  auto config = load_config(fs, options.input);
  if (!config) return complain(config.error());
  if (config->quant().weight_bits() == 32) {
    return complain({Errc::kInvalid,
                     "bits: this config trains in fp32, whose layers have no bits of their own; "
                     "set quant.weight_bits and quant.activation_bits to 8"});
  }
  config->mutable_quant()->clear_layer_bits();  // those that are to be chosen
  const auto data = load_config_data(fs, *config, options.input);
  if (!data) return complain(data.error());
  const wire::Config in_fp32 = fp32_config(*config);
  if (auto r = check_federation(in_fp32, *data); !r) return complain(r.error());
  if (auto r = check_room(*config, data->train, options); !r) return complain(r.error());
  std::optional<Result<RunOutcome>> run;
  {
    Progress progress(stderr, detect_terminal(2), clock, "fp32", options.quiet);
    run = run_federation(in_fp32, *data, [&](const RunReport& so_far, std::uint32_t total) {
      progress.round(so_far, total);
      return !interrupted();
    });
  }
  if (!*run) return complain(run->error());
  if (interrupted()) return kExitInterrupted;  // of a network half trained nothing is measured
  const auto choice = search(*config, *data, (*run)->state, options);
  if (!choice) return complain(choice.error());
  const std::string fragment = "[quant]\n" + layer_bits_toml(*choice);
  std::printf("%s, fp32 at %.2f %%\n\n%s\n%s", config->run().name().c_str(),
              100 * (*run)->report.final_accuracy, bits_table(*choice).c_str(), fragment.c_str());
  if (!options.out.empty()) {
    if (auto r = fs.write_atomic(options.out, as_bytes(fragment)); !r) return complain(r.error());
  }
  return kExitOk;
}

}  // namespace fedqat
