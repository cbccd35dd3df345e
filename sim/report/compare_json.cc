#include <nlohmann/json.hpp>

#include "sim/report/compare_report.h"

namespace fedqat {
namespace {

using Json = nlohmann::ordered_json;

double per_round(std::uint64_t bytes, const CompareRow& row) {
  return row.rounds == 0 ? 0 : double(bytes) / double(row.rounds);
}

Json row_json(const CompareRow& r, const CompareRow* fp32) {
  Json json = {{"technique", r.technique},
               {"weight_bits", r.weight_bits},
               {"activation_bits", r.activation_bits},
               {"test_accuracy_mean", r.mean()},
               {"test_accuracy_sd", r.deviation()},
               {"seeds", r.accuracies.size()},
               {"model_bytes", r.model_bytes},
               {"latency_us_batch1", r.latency_us_batch1},
               {"latency_us_batch32", r.latency_us_batch32},
               {"bytes_up", r.bytes_up},
               {"bytes_down", r.bytes_down},
               {"test_accuracies", r.accuracies},
               {"name", r.label()},
               {"rounds", r.rounds},
               {"bytes_up_per_round", per_round(r.bytes_up, r)},
               {"bytes_down_per_round", per_round(r.bytes_down, r)},
               {"bytes_ratio_to_fp32", nullptr},
               {"disagreement_mean", nullptr},
               {"disagreement_sd", nullptr},
               {"disagreements", r.disagreements},
               {"class_recall", r.class_recall}};
  if (fp32 != nullptr && fp32->bytes() > 0) json["bytes_ratio_to_fp32"] = r.bytes() / fp32->bytes();
  if (!r.disagreements.empty()) {
    json["disagreement_mean"] = mean_of(r.disagreements);
    json["disagreement_sd"] = deviation_of(r.disagreements);
  }
  return json;
}

}  // namespace

std::string compare_json(const CompareReport& report) {
  Json rows = Json::array();
  for (const CompareRow& r : report.rows) rows.push_back(row_json(r, report.fp32()));
  const Json root = {
      {"format", kCompareFormat},
      {"name", report.name},
      {"first_seed", report.first_seed},
      {"isa", report.isa},
      {"model", {{"name", report.model_name}, {"parameters", report.parameters}}},
      {"data",
       {{"name", report.data_name}, {"partition", report.partition}, {"clients", report.clients}}},
      {"rows", std::move(rows)}};
  return root.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace fedqat
