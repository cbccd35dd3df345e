#include "client/cli/bench.h"
#include "client/cli/commands.h"
#include "common/cli/exit_code.h"
#include "common/wire/model_config.h"

namespace fedqat {
namespace {

// The network of the config, with its data or, where allowed, noise of their shape.
Result<BenchModel> config_model(Fs& fs, const wire::Config& config, const BenchOptions& options) {
  auto split = load_config_data(fs, config, options.input);
  if (!split && !options.synthetic) return split.error();
  const std::string& name = config.data().name();
  const Shape shape = name == "cifar10" ? Shape{32, 32, 3} : Shape{28, 28, 1};
  Dataset data =
      split ? std::move(split->train) : noise_dataset(shape, name == "letters" ? 26 : 10, {});
  auto network = network_from_config(config, data.shape, data.classes, data.grid);
  if (!network) return network.error();
  std::string model = network->model.name;
  return BenchModel{std::move(model), std::move(*network), std::move(data)};
}

Result<std::vector<BenchModel>> bench_models(Fs& fs, const wire::Config& config,
                                             const BenchOptions& options) {
  std::vector<BenchModel> models;
  if (options.models.empty() && !options.input.config.empty()) {
    auto model = config_model(fs, config, options);
    if (!model) return model.error();
    models.push_back(std::move(*model));
    return models;
  }
  for (const std::string& name : options.models.empty() ? default_bench_models() : options.models) {
    auto model = bench_model(name, config);
    if (!model) return model.error();
    models.push_back(std::move(*model));
  }
  return models;
}

BenchFormat format_of(const BenchOptions& options) {
  if (options.json) return BenchFormat::kJson;
  if (options.markdown) return BenchFormat::kMarkdown;
  return options.csv ? BenchFormat::kCsv : BenchFormat::kText;
}

}  // namespace

int bench_command(const BenchOptions& options, Fs& fs) {
  InputOptions input = options.input;
  if (options.batch) input.overrides.push_back("client.batch=" + std::to_string(*options.batch));
  if (options.threads) {
    input.overrides.push_back("duty.threads=" + std::to_string(*options.threads));
  }
  const auto config = client_config(fs, input);
  if (!config) return complain(config.error());
  const auto models = bench_models(fs, *config, options);
  if (!models) return complain(models.error());
  BenchTable table(format_of(options));
  const BenchSink print = [&](const BenchRow& row) { table.add(row); };
  const auto all = [&](const BenchSink& sink) -> Result<void> {
    for (const BenchModel& model : *models) {
      const BenchTiming timing{options.repeats, options.seconds};
      if (auto ok = measure(model, *config, timing, sink); !ok) return ok;
    }
    return {};
  };
  if (options.isas.empty()) {
    if (auto ok = all(print); !ok) return complain(ok.error());
  }
  for (const Isa isa : options.isas) {
    if (auto ok = with_isa(isa, all, print); !ok) return complain(ok.error());
  }
  table.finish();
  return kExitOk;
}

}  // namespace fedqat
