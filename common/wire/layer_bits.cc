#include "common/wire/layer_bits.h"

namespace fedqat {
namespace {

// False: neither empty nor one digit of 2..8.
bool take_bits(std::string_view text, int& bits) {
  if (text.empty()) return true;
  bits = text[0] - '0';
  return text.size() == 1 && bits >= 2 && bits <= 8;
}

}  // namespace

Result<LayerBits> parse_layer_bits(std::string_view text) {
  LayerBits bits;
  const std::size_t equals = text.rfind('=');
  if (equals != text.npos && equals > 0) {
    bits.layer = text.substr(0, equals);
    const std::string_view widths = text.substr(equals + 1);
    const std::size_t colon = widths.find(':');
    const bool both = colon != widths.npos;
    if (take_bits(widths.substr(0, colon), bits.weight_bits) &&
        take_bits(both ? widths.substr(colon + 1) : "", bits.activation_bits) &&
        (both ? bits.activation_bits : bits.weight_bits) > 0) {
      return bits;
    }
  }
  return Error{Errc::kInvalid, "'" + std::string(text) +
                                   "' is not a layer with its bits, 2 to 8; write \"conv1=4\" for "
                                   "its weights, or \"conv1=4:6\" for its outputs too"};
}

std::string layer_bits_text(const LayerBits& bits) {
  std::string text = bits.layer + "=";
  if (bits.weight_bits > 0) text += std::to_string(bits.weight_bits);
  if (bits.activation_bits > 0) text += ":" + std::to_string(bits.activation_bits);
  return text;
}

}  // namespace fedqat
