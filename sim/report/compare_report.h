// compare.json: techniques side by side (format fedqat.compare/1; keys are only ever added).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fedqat {

inline constexpr std::string_view kCompareFormat = "fedqat.compare/1";

double mean_of(const std::vector<double>& values);       // 0 of none
double deviation_of(const std::vector<double>& values);  // of the sample; 0 of less than two

struct CompareRow {
  std::string name;       // empty: technique and bits
  std::string technique;  // "fp32", "ptq", "qat"
  int weight_bits = 0;
  int activation_bits = 0;
  std::vector<double> accuracies;  // one for each seed
  std::uint64_t model_bytes = 0;   // of the first seed's model.fedqat
  double latency_us_batch1 = 0;    // median of one run of the engine on one core
  double latency_us_batch32 = 0;
  std::uint64_t bytes_up = 0;  // of all rounds, frames as they are encoded; mean over the seeds
  std::uint64_t bytes_down = 0;
  std::uint32_t rounds = 0;           // of a run
  std::vector<double> class_recall;   // [classes], mean over the seeds
  std::vector<double> disagreements;  // share of test samples to which the fp32 row's model of the
                                      // same seed gives another class; empty without such a row

  double mean() const { return mean_of(accuracies); }
  double deviation() const { return deviation_of(accuracies); }
  std::string label() const;  // "qat W4A4", or the name
  double bytes() const { return double(bytes_up) + double(bytes_down); }
};

struct CompareReport {
  std::string name;
  std::uint64_t first_seed = 0;
  std::string isa;
  std::string model_name;
  std::string data_name;
  std::string partition;
  std::uint32_t clients = 0;
  std::uint64_t parameters = 0;
  std::vector<CompareRow> rows;

  const CompareRow* fp32() const;  // the first in fp32; null: none
};

std::string compare_json(const CompareReport& report);
std::string compare_page(const CompareReport& report);   // compare.html
std::string compare_table(const CompareReport& report);  // plain text for terminals

}  // namespace fedqat
