#include "common/cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace fedqat {

Terminal detect_terminal(int fd) {
  Terminal t;
  const char* term = std::getenv("TERM");
  const char* no_color = std::getenv("NO_COLOR");
  const bool dumb = term == nullptr || std::string_view(term) == "dumb";
  t.live = ::isatty(fd) == 1 && !dumb;
  t.color = t.live && (no_color == nullptr || *no_color == '\0');  // no-color.org
  winsize size{};
  if (t.live && ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) t.columns = size.ws_col;
  return t;
}

}  // namespace fedqat
