#include "common/codec/code_loops_body.h"

namespace fedqat {

CodeLoops code_loops_avx2() { return kLoops; }

}  // namespace fedqat
