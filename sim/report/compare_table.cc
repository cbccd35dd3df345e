#include "sim/report/compare_table.h"

#include <algorithm>

#include "sim/report/number.h"

namespace fedqat {
namespace {

// Letters, not bytes: "µ" and "±" take two of them.
std::size_t width(const std::string& utf8) {
  return static_cast<std::size_t>(
      std::count_if(utf8.begin(), utf8.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string per_round(std::uint64_t bytes, const CompareRow& row) {
  return row.rounds == 0 ? "-" : bytes_text(double(bytes) / double(row.rounds));
}

}  // namespace

std::vector<std::string> compare_header() {
  return {"Row",      "Accuracy", "± sd",      "Unlike fp32", "Model",        "Latency",
          "Batch 32", "Sent up",  "Sent down", "Up a round",  "Down a round", "Bytes vs fp32"};
}

std::vector<std::vector<std::string>> compare_cells(const CompareReport& report) {
  const CompareRow* const fp32 = report.fp32();
  std::vector<std::vector<std::string>> rows;
  for (const CompareRow& r : report.rows) {
    const bool sent = fp32 != nullptr && fp32->bytes() > 0;
    rows.push_back({r.label(), percent(r.mean()), fixed(100 * r.deviation(), 2),
                    r.disagreements.empty() ? "-" : percent(mean_of(r.disagreements)),
                    bytes_text(double(r.model_bytes)), fixed(r.latency_us_batch1, 1) + " µs",
                    fixed(r.latency_us_batch32, 1) + " µs", bytes_text(double(r.bytes_up)),
                    bytes_text(double(r.bytes_down)), per_round(r.bytes_up, r),
                    per_round(r.bytes_down, r),
                    sent ? percent(r.bytes() / fp32->bytes(), 1) : "-"});
  }
  return rows;
}

std::string compare_table(const CompareReport& report) {
  auto rows = compare_cells(report);
  rows.insert(rows.begin(), compare_header());
  // What a round takes follows from the totals; terminals are narrow.
  for (auto& row : rows) row.erase(row.begin() + 9, row.begin() + 11);
  std::vector<std::size_t> widths(rows.front().size(), 0);
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
