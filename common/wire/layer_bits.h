// Bits of single layers, as configs write them.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/quant/quant_spec.h"

namespace fedqat {

// "conv1=4": bits of weights; "conv1=4:6": of outputs too; "add1=:6": of outputs alone. 2..8 each.
// kInvalid says what to write. Whether there is such a layer is for build_graph() to say.
Result<LayerBits> parse_layer_bits(std::string_view text);

std::string layer_bits_text(const LayerBits& bits);  // the inverse

}  // namespace fedqat
