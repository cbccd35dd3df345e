#include "sim/report/compare_report.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "sim/report/html.h"
#include "sim/report/number.h"
#include "sim/report/run_page.h"
#include "sim/report/svg_plot.h"

namespace fedqat {
namespace {

const std::vector<std::string> kHeader = {"Technique", "Accuracy", "± sd",    "Model",
                                          "Latency",   "Batch 32", "Sent up", "Sent down"};

std::vector<std::vector<std::string>> cells(const CompareReport& report) {
  std::vector<std::vector<std::string>> rows;
  for (const CompareRow& r : report.rows) {
    rows.push_back({r.label(), percent(r.mean()), fixed(100 * r.deviation(), 2),
                    bytes_text(double(r.model_bytes)), fixed(r.latency_us_batch1, 1) + " µs",
                    fixed(r.latency_us_batch32, 1) + " µs", bytes_text(double(r.bytes_up)),
                    bytes_text(double(r.bytes_down))});
  }
  return rows;
}

// Letters, not bytes: "µ" and "±" take two of them.
std::size_t width(const std::string& utf8) {
  return static_cast<std::size_t>(
      std::count_if(utf8.begin(), utf8.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string accuracy_plot(const CompareReport& report, const std::string& x_label, Unit unit,
                          double (*x)(const CompareRow&)) {
  PointPlot plot{.x_label = x_label, .x_unit = unit, .y_unit = Unit::kPercent};
  for (const CompareRow& r : report.rows) {
    const int color = r.technique == "fp32" ? 1 : r.technique == "ptq" ? 2 : 0;
    plot.points.push_back({r.label(), x(r), r.mean(), r.deviation(), color});
  }
  return svg_points(plot);
}

}  // namespace

double CompareRow::mean() const {
  double sum = 0;
  for (const double a : accuracies) sum += a;
  return accuracies.empty() ? 0 : sum / double(accuracies.size());
}

double CompareRow::deviation() const {
  if (accuracies.size() < 2) return 0;
  double sum = 0;
  for (const double a : accuracies) sum += (a - mean()) * (a - mean());
  return std::sqrt(sum / double(accuracies.size() - 1));
}

std::string CompareRow::label() const {
  if (technique == "fp32") return technique;
  return technique + " " + bits_text(weight_bits, activation_bits);
}

std::string compare_json(const CompareReport& report) {
  using Json = nlohmann::ordered_json;
  Json rows = Json::array();
  for (const CompareRow& r : report.rows) {
    rows.push_back({{"technique", r.technique},
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
                    {"test_accuracies", r.accuracies}});
  }
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

std::string compare_page(const CompareReport& report) {
  std::string body = html_card("Results", html_table(kHeader, cells(report)), true);
  body += html_card("Accuracy and size of the model file",
                    accuracy_plot(report, "size of the model file", Unit::kBytes,
                                  [](const CompareRow& r) { return double(r.model_bytes); }));
  body += html_card(
      "Accuracy and bytes sent",
      accuracy_plot(report, "sent up and down", Unit::kBytes,
                    [](const CompareRow& r) { return double(r.bytes_up) + double(r.bytes_down); }));
  body += html_card("Accuracy and latency of one sample",
                    accuracy_plot(report, "latency on one core", Unit::kMicroseconds,
                                  [](const CompareRow& r) { return r.latency_us_batch1; }));
  const std::size_t seeds = report.rows.empty() ? 0 : report.rows.front().accuracies.size();
  const std::vector<std::pair<std::string, std::string>> facts = {
      {"Model", report.model_name + ", " + grouped(report.parameters) + " parameters"},
      {"Data", report.data_name},
      {"Partition", report.partition + ", " + grouped(report.clients) + " clients"},
      {"Seeds", std::to_string(seeds) + ", from " + std::to_string(report.first_seed)},
      {"Instruction set", report.isa},
      {"Error bars", "sample standard deviation over the seeds"},
      {"ptq", "the fp32 run's model, quantized after training"},
      {"qat", "trained as the quantized model"}};
  body += html_card("How it was measured", html_facts(facts));
  return html_page(report.name + ": techniques compared",
                   report.model_name + " on " + report.data_name + ", " + grouped(report.clients) +
                       " clients, " + report.partition,
                   body);
}

std::string compare_table(const CompareReport& report) {
  auto rows = cells(report);
  rows.insert(rows.begin(), kHeader);
  std::vector<std::size_t> widths(kHeader.size(), 0);
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  }
  std::string out;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - width(row[i]), ' ');
      out += i == 0 ? row[i] + padding : "  " + padding + row[i];
    }
    out += '\n';
  }
  return out;
}

}  // namespace fedqat
