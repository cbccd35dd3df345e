#include "common/cli/exit_code.h"

#include <cerrno>
#include <cstdio>

namespace fedqat {

int exit_code_of(const Error& error) {
  switch (error.code) {
    case Errc::kInvalid:
      return kExitUsage;
    case Errc::kCorrupt:
    case Errc::kNotFound:
      return kExitBadData;
    case Errc::kRejected:
    case Errc::kUnavailable:
    case Errc::kTimeout:
    case Errc::kIo:
      return kExitFailed;
  }
  return kExitFailed;
}

int complain(const Error& error) { return complain(error, exit_code_of(error)); }

int complain(const Error& error, int code) {
  std::fprintf(stderr, "%s: %s\n", program_invocation_short_name, error.what.c_str());
  return code;
}

}  // namespace fedqat
