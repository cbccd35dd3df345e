#include "common/cli/exit_code.h"
#include "common/wire/model_config.h"
#include "coordinator/cli/commands.h"
#include "coordinator/serve/server.h"

namespace fedqat {

int serve_command(const ServeCommandOptions& options, Fs& fs) {
  const auto config = load_config(fs, options.input);
  if (!config) return complain(config.error());
  // Of the data only shape, classes and normalisation are needed here.
  const auto data = load_config_data(fs, *config, options.input);
  if (!data) return complain(at("what the network reads is taken from the data set", data.error()));
  const auto network =
      network_from_config(*config, data->train.shape, data->train.classes, data->train.grid);
  if (!network) return complain(network.error());
  JsonLog log;
  ServeOptions serve_options{options.state.dir, *config, *network,
                             [&] { return load_config(fs, options.input); },
                             options.exit_when_done};
  if (auto ok = serve(serve_options, log); !ok) return complain(ok.error());
  return kExitOk;
}

}  // namespace fedqat
