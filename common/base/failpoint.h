// Named places where a test may stop the process or fail a step: before and after everything that
// is made durable or sent. Compiled away unless FEDQAT_FAILPOINTS is set (builds with tests).
//
//   FEDQAT_FAILPOINT=NAME[@N]   environment: SIGKILL at the N-th (first) passing of NAME
#pragma once

namespace fedqat {

#ifdef FEDQAT_FAILPOINTS
// A test's own handler in place of the environment's; nullptr ends it. Called on any thread; may
// throw. Not to be changed while other threads pass failpoints.
using FailpointHandler = void (*)(const char* name);
void set_failpoint_handler(FailpointHandler handler);
void pass_failpoint(const char* name);
#define FEDQAT_FAILPOINT(name) ::fedqat::pass_failpoint(name)
#else
#define FEDQAT_FAILPOINT(name) static_cast<void>(0)
#endif

}  // namespace fedqat
