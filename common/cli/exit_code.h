// What the program's exit status means; documented in --help and README.md.
#pragma once

#include "common/base/result.h"

namespace fedqat {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;          // bad option, or a config that is refused
inline constexpr int kExitBadData = 3;        // missing or damaged data, model or report
inline constexpr int kExitInterrupted = 130;  // Ctrl-C; what there was has been written

int exit_code_of(const Error& error);

// Writes "program: what" to stderr; returns `code`, or exit_code_of(error).
int complain(const Error& error);
int complain(const Error& error, int code);

}  // namespace fedqat
