#include "common/crypto/blake3_body.h"

namespace fedqat {

Blake3Lanes blake3_lanes_avx512() { return kLanesHere; }

}  // namespace fedqat
