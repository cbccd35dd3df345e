#include "sim/compare_rows.h"

#include <algorithm>
#include <set>

#include "common/nn/graph.h"
#include "common/quant/weight_sharing.h"
#include "common/wire/config.h"
#include "common/wire/config_checks.h"
#include "common/wire/model_config.h"
#include "sim/report/run_page.h"
#include "sim/run.h"

namespace fedqat {
namespace {

constexpr std::uint32_t kFloat = 32;

// Weights that are free: who shares them says so after this.
void set_bits(wire::Config& config, std::uint32_t bits) {
  config.mutable_quant()->clear_codebook();
  config.mutable_quant()->clear_layer_bits();
  config.mutable_quant()->set_weight_bits(bits);
  config.mutable_quant()->set_activation_bits(bits);
}

// Of a network in fp32 with free weights the section [quant] says nothing but how their
// distribution is regularised, and rows that differ in the rest of it share the network.
wire::Config without_quant(wire::Config config) {
  const double kure = config.quant().kure();
  config.clear_quant();
  set_bits(config, kFloat);
  if (kure > 0) config.mutable_quant()->set_kure(kure);
  return config;
}

std::string label_of(const std::string& technique, const wire::QuantConfig& quant) {
  if (technique == "fp32") return technique;
  if (technique == "weight-sharing") return technique + " " + std::to_string(quant.codebook());
  if (technique == "dynamic") return technique + " W" + std::to_string(quant.weight_bits());
  return technique + " " +
         bits_text(static_cast<int>(quant.weight_bits()),
                   static_cast<int>(quant.activation_bits()));
}

bool trains_in_fp32_alone(std::string_view technique) {
  return technique == "fp32" || technique == "weight-sharing";
}

// `config` with bits and overrides of the row.
PlannedRow make_row(const std::string& name, const std::string& technique, wire::Config config,
                    wire::Config in_fp32) {
  PlannedRow row;
  if (technique == "weight-sharing" && in_fp32.quant().codebook() == 0) {
    in_fp32.mutable_quant()->set_codebook(kMaxCodebook);
  }
  if (technique == "weight-sharing") config = in_fp32;
  row.technique = technique;
  row.label = name.empty() ? label_of(technique, config.quant()) : name;
  if (technique == "qat") {
    row.train = row.deploy = std::move(config);
    return row;
  }
  const bool shares = technique == "weight-sharing" || in_fp32.quant().codebook() > 0;
  row.train = shares ? std::move(in_fp32) : without_quant(std::move(in_fp32));
  if (technique == "dynamic") config.mutable_quant()->set_activation_bits(kFloat);
  row.deploy = is_after_training(technique) ? std::move(config) : row.train;
  return row;
}

// Data are loaded once, and seeds are those of the comparison.
bool is_shared(std::string_view assignment) {
  const std::size_t begin = assignment.find_first_not_of(" \t");
  if (begin == assignment.npos) return false;
  assignment.remove_prefix(begin);
  const std::string_view key = assignment.substr(0, assignment.find_first_of("= \t"));
  return key == "data" || key == "compare" || key.starts_with("data.") ||
         key.starts_with("compare.") || key == "run.seed" || key == "run.name" ||
         key == "sim.threads";
}

// Where the config says nothing else, an override is applied to what the row begins with.
Result<void> apply(const wire::CompareRowConfig& given, const std::string& key,
                   const std::string& row, const Places& places, wire::Config& config) {
  for (int i = 0; i < given.set_size(); ++i) {
    const auto found = places.find(key + ".set[" + std::to_string(i) + "]");
    const std::string place = (found == places.end() ? "" : found->second + ": ") + row;
    if (is_shared(given.set(i))) {
      return Error{Errc::kInvalid, place + ": --set " + given.set(i) +
                                       ": all rows have this key in common; set it for the whole "
                                       "comparison"};
    }
    Places ignored;
    if (auto r = read_override(given.set(i), config, ignored); !r) return at(place, r.error());
  }
  return {};
}

Result<std::vector<PlannedRow>> listed_rows(const wire::Config& base,
                                            const wire::CompareRowConfig& given,
                                            const std::string& key, const Places& places) {
  const std::string who = "compare row " + (given.name().empty() ? key : "'" + given.name() + "'");
  wire::Config config = base;
  wire::Config in_fp32 = fp32_config(base);
  if (trains_in_fp32_alone(given.technique())) set_bits(config, kFloat);
  if (auto r = apply(given, key, who, places, config); !r) return r.error();
  if (auto r = apply(given, key, who, places, in_fp32); !r) return r.error();
  const auto found = places.find(key);
  const std::string place = (found == places.end() ? "" : found->second + ": ") + who;
  const bool is_float = config.quant().weight_bits() == kFloat;
  if (is_float != trains_in_fp32_alone(given.technique())) {
    return Error{Errc::kInvalid,
                 place + ": technique " + given.technique() +
                     " with quant.weight_bits = " + std::to_string(config.quant().weight_bits()) +
                     (is_float ? "; set bits of 2 to 8" : "; use technique = \"qat\"")};
  }
  if (given.deploy_bits_size() > 0 && given.technique() != "fp32" && given.technique() != "qat") {
    return Error{Errc::kInvalid, place + ": deploy_bits with technique " + given.technique() +
                                     ", which trains no model of its own; use technique = \"qat\" "
                                     "or \"fp32\""};
  }
  std::vector<PlannedRow> rows;
  rows.push_back(make_row(given.name(), given.technique(), config, std::move(in_fp32)));
  for (const std::uint32_t bits : given.deploy_bits()) {
    PlannedRow again = rows.front();
    again.technique = "ptq";
    again.deploy = config;
    set_bits(again.deploy, bits);
    again.label += " at " + bits_text(static_cast<int>(bits), static_cast<int>(bits));
    rows.push_back(std::move(again));
  }
  for (PlannedRow& row : rows) row.place = place;
  return rows;
}

std::vector<PlannedRow> default_rows(const wire::Config& base, const wire::CompareConfig& compare) {
  const auto& chosen = compare.techniques();
  const auto wanted = [&](const std::string& technique) {
    return chosen.empty() || std::find(chosen.begin(), chosen.end(), technique) != chosen.end();
  };
  std::vector<std::uint32_t> bits;
  for (const auto b : compare.bits()) {
    if (std::find(bits.begin(), bits.end(), b) == bits.end()) bits.push_back(b);
  }
  if (bits.empty()) bits = {8, 4};
  std::vector<PlannedRow> rows;
  const auto add = [&](const char* technique, std::uint32_t width) {
    wire::Config config = base;
    set_bits(config, width);
    rows.push_back(make_row("", technique, std::move(config), fp32_config(base)));
    rows.back().place = "compare, row " + rows.back().label;
  };
  if (wanted("fp32")) add("fp32", kFloat);
  if (wanted("dynamic")) add("dynamic", 8);
  if (wanted("weight-sharing")) add("weight-sharing", kFloat);
  for (const char* technique : {"ptq", "qat"}) {
    for (const std::uint32_t b : bits) {
      if (wanted(technique)) add(technique, b);
    }
  }
  return rows;
}

}  // namespace

bool is_after_training(std::string_view technique) {
  return technique == "ptq" || technique == "dynamic";
}

wire::Config fp32_config(wire::Config config) {
  set_bits(config, kFloat);
  config.mutable_sim()->clear_backend();
  config.mutable_codec()->set_uplink("uniform");
  config.mutable_codec()->set_uplink_bits(kFloat);
  config.mutable_codec()->set_downlink("whole");
  config.mutable_codec()->clear_downlink_scale();
  config.mutable_codec()->clear_downlink_nearest();
  config.mutable_codec()->set_downlink_bits(kFloat);
  return config;
}

Result<std::vector<PlannedRow>> plan_rows(const wire::Config& config, const Places& places) {
  wire::Config base = config;
  base.clear_compare();
  std::vector<PlannedRow> rows = default_rows(base, config.compare());
  for (int i = 0; i < config.compare().rows_size(); ++i) {
    const std::string key = "compare.rows[" + std::to_string(i) + "]";
    auto listed = listed_rows(base, config.compare().rows(i), key, places);
    if (!listed) return listed.error();
    for (PlannedRow& row : *listed) {
      const bool taken = std::any_of(rows.begin(), rows.end(), [&](const PlannedRow& other) {
        return other.label == row.label;
      });
      if (taken) {
        return Error{Errc::kInvalid, row.place + ": there is a row '" + row.label +
                                         "' already; give this one a name of its own"};
      }
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

Result<void> check_rows(const std::vector<PlannedRow>& rows, const DataSplit& data) {
  std::set<std::string> trained;
  for (const PlannedRow& row : rows) {
    if (auto r = check_config(row.train, row.place, {}); !r) return r;
    // What is quantized after training has no rounds to divide.
    wire::Config deploy = row.deploy;
    if (is_after_training(row.technique)) {
      deploy.mutable_run()->clear_rounds();
      deploy.mutable_quant()->clear_warmup_rounds();
      deploy.mutable_quant()->clear_freeze_rounds();
    }
    if (row.technique != "dynamic") {  // a config that no run could have
      if (auto r = check_config(deploy, row.place, {}); !r) return r;
    }
    const Dataset& train = data.train;
    const auto network = network_from_config(deploy, train.shape, train.classes, train.grid);
    if (!network) return at(row.place, network.error());
    if (auto graph = build_graph(network->model, network->quant); !graph) {
      return at(row.place, graph.error());
    }
    if (!trained.insert(training_key(row.train)).second) continue;
    if (auto r = check_federation(row.train, data); !r) return at(row.place, r.error());
  }
  return {};
}

std::string training_key(const wire::Config& config) {
  wire::Config c = config;
  c.mutable_run()->clear_name();
  c.mutable_sim()->clear_threads();
  c.clear_compare();
  c.clear_deploy();
  c.clear_duty();
  c.mutable_data()->clear_dir();
  return effective_toml(c);
}

}  // namespace fedqat
