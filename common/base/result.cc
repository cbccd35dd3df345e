#include "common/base/result.h"

namespace fedqat {

std::string_view errc_name(Errc code) {
  switch (code) {
    case Errc::kInvalid:
      return "invalid";
    case Errc::kCorrupt:
      return "corrupt";
    case Errc::kNotFound:
      return "not found";
    case Errc::kRejected:
      return "rejected";
    case Errc::kUnavailable:
      return "unavailable";
    case Errc::kTimeout:
      return "timeout";
    case Errc::kIo:
      return "i/o";
  }
  return "unknown";
}

Error at(std::string_view where, Error e) {
  return {e.code, std::string(where) + ": " + std::move(e.what)};
}

}  // namespace fedqat
