// report.html: what a run did, on one page that can be sent to somebody.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "sim/run_report.h"

namespace fedqat {

std::string bits_text(int weight_bits, int activation_bits);  // "W8A8", "fp32"
std::string bits_of(const RunReport& run);                    // the same, or "W8A8, mixed"

// `fp32_twin`, if not null, is the same federation in fp32; `config_toml` may be empty.
std::string run_page(const RunReport& run, const RunReport* fp32_twin,
                     std::string_view config_toml);

// Several runs side by side; runs.size() >= 1.
std::string runs_page(std::span<const RunReport> runs);

}  // namespace fedqat
