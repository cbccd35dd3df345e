#include <cstdio>
#include <nlohmann/json.hpp>

#include "client/cli/bench.h"

namespace fedqat {
namespace {

using Json = nlohmann::ordered_json;

template <class... Values>
std::string format(const char* pattern, Values... values) {
  char text[512];
  std::snprintf(text, sizeof text, pattern, values...);
  return text;
}

std::string share(const BenchRow& row) {
  return row.peak_gop_per_s > 0 ? format("%.1f%%", 100 * row.share_of_peak()) : "-";
}

std::string mebibytes(const BenchRow& row) {
  return row.memory_bytes > 0 ? format("%.2f", double(row.memory_bytes) / (1 << 20)) : "-";
}

std::string rate(const BenchRow& row) {
  return format("%.0f ± %.0f", row.samples_per_s, row.deviation);
}

std::string text_line(const BenchRow& row, bool header) {
  std::string out;
  if (header) {
    out = format("%-18s %-11s %5s  %-10s %7s %20s %11s %9s %8s %11s\n", "model", "test", "batch",
                 "isa", "threads", "samples/s", "us/sample", "GOP/s", "of peak", "memory MiB");
  }
  // One column more for the two bytes of the sign.
  return out + format("%-18s %-11s %5d  %-10s %7d %21s %11.2f %9.2f %8s %11s\n", row.model.c_str(),
                      row.test.c_str(), row.batch, row.isa.c_str(), row.threads, rate(row).c_str(),
                      row.us_per_sample(), row.gop_per_s, share(row).c_str(),
                      mebibytes(row).c_str());
}

std::string markdown_line(const BenchRow& row, bool header) {
  std::string out;
  if (header) {
    out =
        "| model | test | batch | isa | threads | samples/s | us/sample | GOP/s | of peak | memory "
        "MiB |\n"
        "|---|---|---:|---|---:|---:|---:|---:|---:|---:|\n";
  }
  return out + format("| %s | %s | %d | %s | %d | %s | %.2f | %.2f | %s | %s |\n",
                      row.model.c_str(), row.test.c_str(), row.batch, row.isa.c_str(), row.threads,
                      rate(row).c_str(), row.us_per_sample(), row.gop_per_s, share(row).c_str(),
                      mebibytes(row).c_str());
}

// The keys of the JSON rows; empty: not known.
std::string csv_line(const BenchRow& row, bool header) {
  const Json json(row);
  std::string names, values;
  for (const auto& [key, value] : json.items()) {
    names += (names.empty() ? "" : ",") + key;
    values += (values.empty() ? "" : ",") + (value.is_string() ? value.get<std::string>()
                                             : value.is_null() ? ""
                                                               : value.dump());
  }
  return (header ? names + "\n" : "") + values + "\n";
}

Json known(double value) { return value > 0 ? Json(value) : Json(); }

}  // namespace

void to_json(Json& json, const BenchRow& row) {
  json = {{"model", row.model},
          {"test", row.test},
          {"batch", row.batch},
          {"isa", row.isa},
          {"threads", row.threads},
          {"samples_per_s", row.samples_per_s},
          {"samples_per_s_deviation", row.deviation},
          {"us_per_sample", row.us_per_sample()},
          {"gop_per_s", row.gop_per_s},
          {"peak_gop_per_s", known(row.peak_gop_per_s)},
          {"share_of_peak", known(row.share_of_peak())},
          {"memory_bytes", row.memory_bytes > 0 ? Json(row.memory_bytes) : Json()}};
}

void from_json(const Json& json, BenchRow& row) {
  const auto number = [&](const char* key) {
    return json[key].is_null() ? 0.0 : double(json[key]);
  };
  row = {.model = json.at("model"),
         .test = json.at("test"),
         .batch = json.at("batch"),
         .isa = json.at("isa"),
         .threads = json.at("threads")};
  row.samples_per_s = number("samples_per_s");
  row.deviation = number("samples_per_s_deviation");
  row.gop_per_s = number("gop_per_s");
  row.peak_gop_per_s = number("peak_gop_per_s");
  row.memory_bytes = static_cast<std::uint64_t>(number("memory_bytes"));
}

std::string bench_line(BenchFormat format, const BenchRow& row, bool header) {
  switch (format) {
    case BenchFormat::kMarkdown:
      return markdown_line(row, header);
    case BenchFormat::kCsv:
      return csv_line(row, header);
    case BenchFormat::kJson:
      return Json(row).dump() + "\n";
    case BenchFormat::kText:
      break;
  }
  return text_line(row, header);
}

void BenchTable::add(const BenchRow& row) {
  if (format_ != BenchFormat::kJson) {
    std::fputs(bench_line(format_, row, rows_.empty()).c_str(), stdout);
    std::fflush(stdout);
  }
  rows_.push_back(row);
}

void BenchTable::finish() {
  if (format_ == BenchFormat::kJson) std::printf("%s\n", Json(rows_).dump(2).c_str());
}

}  // namespace fedqat
