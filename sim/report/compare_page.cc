#include <algorithm>
#include <utility>

#include "sim/report/compare_report.h"
#include "sim/report/compare_table.h"
#include "sim/report/html.h"
#include "sim/report/number.h"
#include "sim/report/svg_points.h"

namespace fedqat {
namespace {

int group_of(const std::string& technique) {
  constexpr const char* kKnown[] = {"qat", "fp32", "ptq", "dynamic", "weight-sharing"};
  const auto* const at = std::find(std::begin(kKnown), std::end(kKnown), technique);
  return static_cast<int>(at - std::begin(kKnown));
}

std::string accuracy_plot(const CompareReport& report, const std::string& x_label, Unit unit,
                          bool x_log, double (*x)(const CompareRow&)) {
  PointPlot plot{.x_label = x_label,
                 .y_label = "accuracy on the test set (log scale of the misses)",
                 .x_unit = unit,
                 .y_unit = Unit::kPercent,
                 .x_log = x_log,
                 .front = true,
                 .wide = x_log};
  for (const CompareRow& r : report.rows) {
    plot.points.push_back(
        {r.label(), x(r), r.mean(), r.deviation(), group_of(r.technique), r.technique});
  }
  return svg_points(plot);
}

// The more of a class is missed, the stronger its colour; the worst of all has the full one.
std::string recall_table(const CompareReport& report) {
  std::size_t classes = 0;
  double worst = 0;
  for (const CompareRow& r : report.rows) {
    classes = std::max(classes, r.class_recall.size());
    for (const double v : r.class_recall) worst = std::max(worst, 1 - v);
  }
  std::string out = "<div class=\"scroll\"><table class=\"heat\"><thead><tr><th>Row</th>";
  for (std::size_t c = 0; c < classes; ++c) out += "<th>" + std::to_string(c) + "</th>";
  out += "</tr></thead><tbody>\n";
  for (const CompareRow& r : report.rows) {
    out += "<tr><td>" + escape_html(r.label()) + "</td>";
    for (const double v : r.class_recall) {
      const double share = worst > 0 ? std::clamp((1 - v) / worst, 0.0, 1.0) : 0;
      out += "<td style=\"background:rgba(239,125,34," + fixed(0.6 * share, 3) + ")\">" +
             fixed(100 * v, 1) + "</td>";
    }
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

std::vector<Tile> tiles(const CompareReport& report) {
  const auto best = std::max_element(
      report.rows.begin(), report.rows.end(),
      [](const CompareRow& a, const CompareRow& b) { return a.mean() < b.mean(); });
  const auto least = [&](double (*of)(const CompareRow&)) {
    return std::min_element(
        report.rows.begin(), report.rows.end(),
        [&](const CompareRow& a, const CompareRow& b) { return of(a) < of(b); });
  };
  const auto sent = least([](const CompareRow& r) { return r.bytes(); });
  const auto small = least([](const CompareRow& r) { return double(r.model_bytes); });
  const auto fast = least([](const CompareRow& r) { return r.latency_us_batch1; });
  const auto at = [](const CompareRow& r) { return r.label() + ", " + percent(r.mean()); };
  return {{"Best accuracy", percent(best->mean()),
           best->label() + ", ± " + fixed(100 * best->deviation(), 2) + " points"},
          {"Fewest bytes sent", bytes_text(sent->bytes()), at(*sent)},
          {"Smallest model", bytes_text(double(small->model_bytes)), at(*small)},
          {"Lowest latency", fixed(fast->latency_us_batch1, 1) + " µs", at(*fast)}};
}

std::vector<std::pair<std::string, std::string>> facts(const CompareReport& report) {
  std::size_t seeds = 0;
  for (const CompareRow& r : report.rows) seeds = std::max(seeds, r.accuracies.size());
  const CompareRow* const fp32 = report.fp32();
  return {{"Model", report.model_name + ", " + grouped(report.parameters) + " parameters"},
          {"Data", report.data_name},
          {"Partition", report.partition + ", " + grouped(report.clients) + " clients"},
          {"Seeds", std::to_string(seeds) + ", from " + std::to_string(report.first_seed)},
          {"Instruction set", report.isa},
          {"± sd, error bars", "sample standard deviation over the seeds"},
          {"Unlike fp32", fp32 == nullptr ? "no row in fp32"
                                          : "test samples to which the model of " + fp32->label() +
                                                " with the same seed gives another class"},
          {"Bytes", "frames as they are encoded, of all clients and rounds; mean over the seeds"},
          {"Latency", "median of one sample on one core, measured after all runs"},
          {"ptq", "the fp32 run's model, quantized after training"},
          {"qat", "trained as the quantized model"},
          {"Dashed line", "rows that no other row beats in both directions"}};
}

}  // namespace

std::string compare_page(const CompareReport& report) {
  std::string body;
  if (!report.rows.empty()) {
    body += html_tiles(tiles(report));
    body += html_card("Results", html_table(compare_header(), compare_cells(report)), true);
  }
  body +=
      html_card("Accuracy and bytes sent",
                accuracy_plot(report, "sent up and down in the whole run (log scale)", Unit::kBytes,
                              true, [](const CompareRow& r) { return r.bytes(); }),
                true);
  body += html_card("Accuracy and size of the model",
                    accuracy_plot(report, "size of the model file", Unit::kBytes, false,
                                  [](const CompareRow& r) { return double(r.model_bytes); }));
  body += html_card("Accuracy and latency",
                    accuracy_plot(report, "latency of one sample on one core", Unit::kMicroseconds,
                                  false, [](const CompareRow& r) { return r.latency_us_batch1; }));
  body += html_card("Recall of each class, in percent, mean over the seeds", recall_table(report),
                    true);
  body += html_card("How it was measured", html_facts(facts(report)), true);
  return html_page(report.name + ": techniques compared",
                   report.model_name + " on " + report.data_name + ", " + grouped(report.clients) +
                       " clients, " + report.partition,
                   body);
}

}  // namespace fedqat
