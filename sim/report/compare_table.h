// The figures of a comparison as text, a line for each row.
#pragma once

#include <string>
#include <vector>

#include "sim/report/compare_report.h"

namespace fedqat {

std::vector<std::string> compare_header();
std::vector<std::vector<std::string>> compare_cells(const CompareReport& report);

}  // namespace fedqat
