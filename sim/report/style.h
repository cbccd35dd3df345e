// The style sheet of the pages and the mark beside the program's name.
#pragma once

namespace fedqat {

// Series are drawn in var(--s0) to var(--s7).
inline constexpr int kSeriesColors = 8;

extern const char* const kStyle;
extern const char* const kLogo;  // SVG

}  // namespace fedqat
