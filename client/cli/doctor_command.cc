#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "client/cli/doctor.h"
#include "client/device/duty.h"
#include "common/cli/exit_code.h"
#include "common/wire/config.h"
#include "common/wire/model_config.h"

namespace fedqat {
namespace {

const char* health_text(Health health) {
  switch (health) {
    case Health::kOk:
      return "ok";
    case Health::kWarn:
      return "warn";
    case Health::kFail:
      return "fail";
  }
  return "?";
}

void examine_config(const InputOptions& input, Fs& fs, std::vector<Finding>& findings) {
  const auto config = client_config(fs, input);
  if (!config) {
    findings.push_back({"config", Health::kFail, config.error().what, "correct the config"});
    return;
  }
  const auto hours = parse_duty_hours(config->duty().hours());
  if (!hours) {
    findings.push_back({"config", Health::kFail, hours.error().what, "correct the config"});
    return;
  }
  findings.push_back(
      {"config", Health::kOk,
       input.config.string() + ", hash " + to_hex(config_hash(*config)).substr(0, 16), ""});
  const auto data = load_config_data(fs, *config, input);
  if (!data) {
    findings.push_back({"data", Health::kFail, data.error().what, "give --data or FEDQAT_DATA"});
    return;
  }
  const auto network =
      network_from_config(*config, data->train.shape, data->train.classes, data->train.grid);
  const std::string samples =
      std::to_string(data->train.size()) + " training samples of " + to_string(data->train.shape);
  findings.push_back(network ? Finding{"data", Health::kOk, samples, ""}
                             : Finding{"data", Health::kFail, network.error().what,
                                       "use data that fit the [model]"});
}

void print(const std::vector<Finding>& findings, bool json) {
  auto list = nlohmann::ordered_json::array();
  for (const Finding& f : findings) {
    if (json) {
      list.push_back({{"name", f.name},
                      {"health", health_text(f.health)},
                      {"text", f.text},
                      {"remedy", f.remedy}});
      continue;
    }
    std::printf("%-4s  %-12s %s\n", health_text(f.health), f.name.c_str(), f.text.c_str());
    if (!f.remedy.empty()) std::printf("      %-12s -> %s\n", "", f.remedy.c_str());
  }
  if (json) std::printf("%s\n", list.dump(2).c_str());
}

}  // namespace

int doctor_command(const DoctorOptions& options, Fs& fs) {
  std::vector<Finding> findings = examine_device(options.state, fs);
  for (Finding& f : examine_machine(options.state, fs)) findings.push_back(std::move(f));
  if (!options.input.config.empty() || !options.input.data_dir.empty()) {
    examine_config(options.input, fs, findings);
  }
  print(findings, options.json);
  const bool sick = std::any_of(findings.begin(), findings.end(),
                                [](const Finding& f) { return f.health == Health::kFail; });
  return sick ? kExitFailed : kExitOk;
}

}  // namespace fedqat
