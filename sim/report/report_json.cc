#include "sim/report/report_json.h"

#include <climits>
#include <nlohmann/json.hpp>

#include "sim/report/json_reader.h"

namespace fedqat {
namespace {

using Json = nlohmann::ordered_json;
using Node = JsonReader::Node;
constexpr std::uint64_t kMax32 = std::numeric_limits<std::uint32_t>::max();

Json round_json(const RoundReport& r) {
  const Json unmeasured;
  return {{"round", r.round},
          {"phase", r.phase},
          {"clients_sampled", r.clients_sampled},
          {"clients_aggregated", r.clients_aggregated},
          {"clients_tasked", r.clients_tasked},
          {"updates_refused", r.updates_refused},
          {"attempts", r.attempts},
          {"updates_stale", r.updates_stale},
          {"train_loss", r.train_loss},
          {"test_accuracy", r.evaluated ? Json(r.test_accuracy) : unmeasured},
          {"test_loss", r.evaluated ? Json(r.test_loss) : unmeasured},
          {"bytes_up", r.bytes_up},
          {"bytes_down", r.bytes_down},
          {"seconds", r.seconds},
          {"virtual_seconds", r.virtual_seconds},
          {"clipped_share", r.clipped_share},
          {"activation_log2_scales", r.activation_log2_scales},
          {"weight_log2_scales", r.weight_log2_scales}};
}

Json model_json(const RunReport& r) {
  return {{"name", r.model_name},
          {"parameters", r.parameters},
          {"macs_per_sample", r.macs_per_sample},
          {"weight_bits", r.weight_bits},
          {"activation_bits", r.activation_bits},
          {"layer_bits", r.layer_bits},
          {"bytes_fp32", r.bytes_fp32},
          {"bytes_packed", r.bytes_packed},
          {"sha256", r.model_sha256},
          {"activation_names", r.activation_names},
          {"weight_names", r.weight_names}};
}

Json data_json(const RunReport& r) {
  Json shares = Json::array();
  for (const ClientShare& s : r.shares) {
    shares.push_back({{"client", s.client}, {"samples", s.samples}, {"per_class", s.per_class}});
  }
  return {{"name", r.data_name},
          {"sha256", r.data_sha256},
          {"train_samples", r.train_samples},
          {"test_samples", r.test_samples},
          {"classes", r.classes},
          {"clients", r.clients},
          {"partition", r.partition},
          {"shares", std::move(shares)}};
}

std::vector<float> floats(JsonReader& in, const Node& parent, const char* key) {
  std::vector<float> out;
  for (const Node& e : in.array(parent, key)) out.push_back(static_cast<float>(in.number(e)));
  return out;
}

std::vector<std::string> texts(JsonReader& in, const Node& parent, const char* key) {
  std::vector<std::string> out;
  for (const Node& e : in.array(parent, key)) out.push_back(in.text(e));
  return out;
}

std::uint32_t whole32(JsonReader& in, const Node& parent, const char* key) {
  return static_cast<std::uint32_t>(in.whole(parent, key, kMax32));
}

int small(JsonReader& in, const Node& parent, const char* key) {
  return static_cast<int>(in.whole(parent, key, INT_MAX));
}

RoundReport read_round(JsonReader& in, const Node& node, const RunReport& run) {
  RoundReport r;
  r.round = whole32(in, node, "round");
  r.phase = in.text(node, "phase");
  r.clients_sampled = whole32(in, node, "clients_sampled");
  r.clients_aggregated = whole32(in, node, "clients_aggregated");
  // Reports of earlier versions lack these four.
  if (in.has(node, "clients_tasked")) r.clients_tasked = whole32(in, node, "clients_tasked");
  if (in.has(node, "updates_refused")) r.updates_refused = whole32(in, node, "updates_refused");
  if (in.has(node, "attempts")) r.attempts = whole32(in, node, "attempts");
  if (in.has(node, "updates_stale")) r.updates_stale = whole32(in, node, "updates_stale");
  r.train_loss = in.number(node, "train_loss");
  r.evaluated = !in.is_null(node, "test_accuracy");
  r.test_accuracy = r.evaluated ? in.number(node, "test_accuracy") : 0;
  r.test_loss = r.evaluated ? in.number(node, "test_loss") : 0;
  r.bytes_up = in.whole(node, "bytes_up");
  r.bytes_down = in.whole(node, "bytes_down");
  r.seconds = in.number(node, "seconds");
  r.virtual_seconds = in.number(node, "virtual_seconds");
  r.clipped_share = in.number(node, "clipped_share");
  r.activation_log2_scales = floats(in, node, "activation_log2_scales");
  r.weight_log2_scales = floats(in, node, "weight_log2_scales");
  if (r.activation_log2_scales.size() > run.activation_names.size() ||
      r.weight_log2_scales.size() > run.weight_names.size()) {
    in.fail(node, "has more scales than the model has names for them");
  }
  return r;
}

void read_model(JsonReader& in, const Node& node, RunReport& r) {
  r.model_name = in.text(node, "name");
  r.parameters = in.whole(node, "parameters");
  r.macs_per_sample = in.whole(node, "macs_per_sample");
  r.weight_bits = small(in, node, "weight_bits");
  r.activation_bits = small(in, node, "activation_bits");
  if (in.has(node, "layer_bits")) r.layer_bits = texts(in, node, "layer_bits");
  r.bytes_fp32 = in.whole(node, "bytes_fp32");
  r.bytes_packed = in.whole(node, "bytes_packed");
  r.model_sha256 = in.text(node, "sha256");
  r.activation_names = texts(in, node, "activation_names");
  r.weight_names = texts(in, node, "weight_names");
}

void read_data(JsonReader& in, const Node& node, RunReport& r) {
  r.data_name = in.text(node, "name");
  r.data_sha256 = in.text(node, "sha256");
  r.train_samples = in.whole(node, "train_samples");
  r.test_samples = in.whole(node, "test_samples");
  r.classes = small(in, node, "classes");
  r.clients = whole32(in, node, "clients");
  r.partition = in.text(node, "partition");
  for (const Node& share : in.array(node, "shares")) {
    ClientShare s;
    s.client = whole32(in, share, "client");
    s.samples = whole32(in, share, "samples");
    for (const Node& e : in.array(share, "per_class")) {
      s.per_class.push_back(static_cast<std::uint32_t>(in.whole(e, kMax32)));
    }
    r.shares.push_back(std::move(s));
  }
}

}  // namespace

std::string report_json(const RunReport& r) {
  Json rounds = Json::array();
  for (const RoundReport& round : r.rounds) rounds.push_back(round_json(round));
  const Json root = {{"format", kReportFormat},
                     {"name", r.name},
                     {"seed", r.seed},
                     {"isa", r.isa},
                     {"threads", r.threads},
                     {"model", model_json(r)},
                     {"data", data_json(r)},
                     {"rounds", std::move(rounds)},
                     {"final",
                      {{"test_accuracy", r.final_accuracy},
                       {"test_loss", r.final_loss},
                       {"class_recall", r.class_recall},
                       {"seconds", r.seconds},
                       {"train_samples_per_second", r.train_samples_per_second},
                       {"peak_rss_bytes", r.peak_rss_bytes},
                       {"bytes_up", r.bytes_up},
                       {"bytes_down", r.bytes_down}}}};
  // Names come from users: bytes that are not UTF-8 are replaced, not a reason to throw.
  return root.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<RunReport> parse_report(std::string_view json, std::string_view file) {
  const auto root_json = JsonReader::parse(json, file);
  if (!root_json) return root_json.error();
  JsonReader in(*root_json, file);
  const Node root = in.root();
  if (const std::string format = in.text(root, "format"); in.ok() && format != kReportFormat) {
    return Error{Errc::kCorrupt, std::string(file) + ": its format is '" + format +
                                     "', but this program reads '" + std::string(kReportFormat) +
                                     "'; give it the report.json of a run"};
  }
  RunReport r;
  r.name = in.text(root, "name");
  r.seed = in.whole(root, "seed");
  r.isa = in.text(root, "isa");
  r.threads = small(in, root, "threads");
  read_model(in, in.object(root, "model"), r);
  read_data(in, in.object(root, "data"), r);
  for (const Node& node : in.array(root, "rounds")) r.rounds.push_back(read_round(in, node, r));
  const Node last = in.object(root, "final");
  r.final_accuracy = in.number(last, "test_accuracy");
  r.final_loss = in.number(last, "test_loss");
  for (const Node& e : in.array(last, "class_recall")) r.class_recall.push_back(in.number(e));
  r.seconds = in.number(last, "seconds");
  r.train_samples_per_second = in.number(last, "train_samples_per_second");
  r.peak_rss_bytes = in.whole(last, "peak_rss_bytes");
  r.bytes_up = in.whole(last, "bytes_up");
  r.bytes_down = in.whole(last, "bytes_down");
  if (!in.ok()) return in.error();
  return r;
}

Result<RunReport> load_report(Fs& fs, const std::filesystem::path& path) {
  const bool is_file = path.extension() == ".json";
  const std::filesystem::path file = is_file ? path : path / "report.json";
  auto bytes = fs.read(file);
  if (!bytes) {
    Error error = bytes.error();
    error.what += "; give the folder of a run, or its report.json";
    return error;
  }
  return parse_report(as_text(*bytes), file.string());
}

}  // namespace fedqat
