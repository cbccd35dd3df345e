// Ctrl-C: the first one asks the run to end after this round, the second ends the process at once.
#pragma once

namespace fedqat {

void catch_interrupts();  // once, early in main
bool interrupted();

}  // namespace fedqat
