// What the stream that progress goes to can show.
#pragma once

namespace fedqat {

struct Terminal {
  bool live = false;   // a line may be drawn over: a terminal, and TERM is not "dumb"
  bool color = false;  // live, and NO_COLOR is not set
  int columns = 80;
};

Terminal detect_terminal(int fd);

}  // namespace fedqat
