// compare.json: techniques side by side (format fedqat.compare/1; keys are only ever added).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fedqat {

inline constexpr std::string_view kCompareFormat = "fedqat.compare/1";

struct CompareRow {
  std::string technique;  // "fp32", "ptq", "qat"
  int weight_bits = 0;
  int activation_bits = 0;
  std::vector<double> accuracies;  // one for each seed
  std::uint64_t model_bytes = 0;   // of the first seed's model.fedqat
  double latency_us_batch1 = 0;    // median of one run of the engine on one core
  double latency_us_batch32 = 0;
  std::uint64_t bytes_up = 0;  // mean over the seeds
  std::uint64_t bytes_down = 0;

  double mean() const;
  double deviation() const;   // sample standard deviation; 0 for a single seed
  std::string label() const;  // "qat W4A4"
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
};

std::string compare_json(const CompareReport& report);
std::string compare_page(const CompareReport& report);   // compare.html
std::string compare_table(const CompareReport& report);  // plain text for terminals

}  // namespace fedqat
