#include "client/cli/place.h"

#include <charconv>

namespace fedqat {

Result<Place> parse_place(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon != std::string_view::npos && colon > 0) {
    std::string_view host = text.substr(0, colon);
    const std::string_view digits = text.substr(colon + 1);
    const bool bracketed = host.front() == '[' && host.back() == ']' && host.size() > 2;
    if (bracketed) host = host.substr(1, host.size() - 2);
    std::uint16_t port = 0;
    const auto [stop, code] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (code == std::errc() && stop == digits.data() + digits.size() && port > 0 &&
        (bracketed || host.find_first_of(":[]") == std::string_view::npos)) {
      return Place{std::string(host), port};
    }
  }
  return Error{Errc::kInvalid, "'" + std::string(text) +
                                   "' is no HOST:PORT; write fl.example.org:7444 or [::1]:7444"};
}

}  // namespace fedqat
