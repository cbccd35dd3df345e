#include "common/wire/broadcast.h"

#include <cmath>

#include "common/codec/broadcast_codec.h"
#include "common/wire/frame.h"
#include "common/wire/message_fields.h"
#include "common/wire/model.pb.h"

namespace fedqat {
namespace {

constexpr std::uint32_t kMaxZero = 255;

std::vector<BroadcastTensor> tensors_of(const Graph& graph, int weight_bits) {
  std::vector<BroadcastTensor> tensors;
  for (const ParamTensor& p : graph.params) {
    tensors.push_back(
        {p.size, p.channels, p.kind == ParamKind::kWeight ? weight_bits : kFloatBits});
  }
  return tensors;
}

}  // namespace

Bytes encode_broadcast(const Graph& graph, const ModelState& state, int weight_bits) {
  wire::BroadcastProto p;
  p.set_quantized(state.quantized);
  for (const std::int32_t zero : state.zero_points) {
    p.add_zero_points(static_cast<std::uint32_t>(zero));
  }
  p.set_bits(static_cast<std::uint32_t>(weight_bits));
  p.set_params(text_of(encode_broadcast(tensors_of(graph, weight_bits), state.params)));
  return serialize(p);
}

Result<ModelState> decode_broadcast(const Graph& graph, ByteView bytes) {
  wire::BroadcastProto p;
  if (auto ok = parse(bytes, p); !ok) return ok.error();
  if (p.bits() != 8 && p.bits() != kFloatBits) return bad_field("broadcast.bits", "is not 8 or 32");
  if (p.quantized() && graph.quant.is_float()) {
    return bad_field("broadcast.quantized", "is set for an fp32 network");
  }
  if (static_cast<std::size_t>(p.zero_points_size()) != graph.steps.size()) {
    return bad_field("broadcast.zero_points", "do not fit the network");
  }
  ModelState state;
  state.quantized = p.quantized();
  for (const std::uint32_t zero : p.zero_points()) {
    if (zero > kMaxZero) return bad_field("broadcast.zero_points", "has a value above 255");
    state.zero_points.push_back(static_cast<std::int32_t>(zero));
  }
  auto params =
      decode_broadcast(tensors_of(graph, static_cast<int>(p.bits())), as_bytes(p.params()));
  if (!params) return at("broadcast.params", params.error());
  state.params = std::move(*params);
  for (const ParamTensor& tensor : graph.params) {
    if (tensor.kind == ParamKind::kRunningVariance) {
      for (std::size_t i = 0; i < tensor.size; ++i) {
        if (state.params[tensor.offset + i] >= 0) continue;
        return bad_field("broadcast.params", "has a variance below 0: " + tensor.name);
      }
    }
    if (!is_scale(tensor)) continue;
    for (std::size_t i = 0; i < tensor.size; ++i) {
      if (std::abs(state.params[tensor.offset + i]) > kMaxLog2Scale) {
        return bad_field("broadcast.params", "has a scale out of range: " + tensor.name);
      }
    }
  }
  return state;
}

}  // namespace fedqat
