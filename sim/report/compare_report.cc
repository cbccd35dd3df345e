#include "sim/report/compare_report.h"

#include <algorithm>
#include <cmath>

#include "sim/report/run_page.h"

namespace fedqat {

double mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double v : values) sum += v;
  return values.empty() ? 0 : sum / double(values.size());
}

double deviation_of(const std::vector<double>& values) {
  if (values.size() < 2) return 0;
  const double mean = mean_of(values);
  double sum = 0;
  for (const double v : values) sum += (v - mean) * (v - mean);
  return std::sqrt(sum / double(values.size() - 1));
}

std::string CompareRow::label() const {
  if (!name.empty()) return name;
  if (technique == "fp32") return technique;
  if (technique == "weight-sharing") return technique;
  if (technique == "dynamic") return technique + " W" + std::to_string(weight_bits);
  return technique + " " + bits_text(weight_bits, activation_bits);
}

const CompareRow* CompareReport::fp32() const {
  const auto at = std::find_if(rows.begin(), rows.end(),
                               [](const CompareRow& r) { return r.technique == "fp32"; });
  return at == rows.end() ? nullptr : &*at;
}

}  // namespace fedqat
