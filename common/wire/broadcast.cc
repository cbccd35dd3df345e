#include "common/wire/broadcast.h"

#include <algorithm>
#include <cmath>

#include "common/codec/codebook_codec.h"
#include "common/wire/broadcast_fields.h"
#include "common/wire/frame.h"
#include "common/wire/message_fields.h"

namespace fedqat {
namespace {

constexpr std::uint32_t kMaxZero = 255;

// Those that travel in `params`: all but the weights that have a codebook.
std::vector<BroadcastTensor> tensors_of(const Graph& graph, const wire::BroadcastProto& p) {
  std::vector<BroadcastTensor> tensors;
  int weights = 0;
  for (const ParamTensor& t : graph.params) {
    if (t.kind != ParamKind::kWeight) {
      tensors.push_back({t.size, t.channels, kFloatBits});
    } else if (p.shared_size() == 0 || p.shared(weights++).empty()) {
      tensors.push_back({t.size, t.channels, static_cast<int>(p.bits())});
    }
  }
  return tensors;
}

int weight_tensors(const Graph& graph) {
  return static_cast<int>(
      std::count_if(graph.params.begin(), graph.params.end(),
                    [](const ParamTensor& t) { return t.kind == ParamKind::kWeight; }));
}

// Codebooks of the weights that have one, and the rest of the parameters.
std::vector<float> split_shared(const Graph& graph, std::span<const float> params,
                                wire::BroadcastProto& p) {
  std::vector<float> rest;
  bool any = false;
  for (const ParamTensor& t : graph.params) {
    const auto values = params.subspan(t.offset, t.size);
    const bool weight = t.kind == ParamKind::kWeight;
    const auto shared = weight ? encode_codebook(values) : std::nullopt;
    if (weight) p.add_shared(shared ? text_of(*shared) : std::string());
    any |= shared.has_value();
    if (!shared) rest.insert(rest.end(), values.begin(), values.end());
  }
  if (!any) p.clear_shared();
  return rest;
}

// The opposite of split_shared().
Result<std::vector<float>> join_shared(const Graph& graph, const wire::BroadcastProto& p,
                                       std::span<const float> rest) {
  std::vector<float> params;
  params.reserve(graph.param_count);
  int weights = 0;
  for (const ParamTensor& t : graph.params) {
    const bool shared = t.kind == ParamKind::kWeight && !p.shared(weights++).empty();
    if (shared) {
      const auto values = decode_codebook(as_bytes(p.shared(weights - 1)), t.size);
      if (!values) return at(t.name, values.error());
      params.insert(params.end(), values->begin(), values->end());
    } else {
      params.insert(params.end(), rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(t.size));
      rest = rest.subspan(t.size);
    }
  }
  return params;
}

Bytes encode(const Graph& graph, const ModelState& state, std::span<const float> params,
             const BroadcastRounding& rounding, wire::BroadcastProto& p) {
  put_quantizers(state, p);
  p.set_params(text_of(encode_broadcast(tensors_of(graph, p), params, rounding)));
  return serialize(p);
}

}  // namespace

void put_quantizers(const ModelState& state, wire::BroadcastProto& p) {
  p.set_quantized(state.quantized);
  for (const std::int32_t zero : state.zero_points) {
    p.add_zero_points(static_cast<std::uint32_t>(zero));
  }
}

Result<ModelState> take_quantizers(const Graph& graph, const wire::BroadcastProto& p) {
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
  return state;
}

Result<void> check_params(const Graph& graph, const ModelState& state) {
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
  return {};
}

Bytes encode_broadcast(const Graph& graph, const ModelState& state, int weight_bits,
                       const BroadcastRounding& rounding) {
  wire::BroadcastProto p;
  p.set_bits(static_cast<std::uint32_t>(weight_bits));
  if (weight_bits != kFloatBits) return encode(graph, state, state.params, rounding, p);
  return encode(graph, state, split_shared(graph, state.params, p), rounding, p);
}

Bytes encode_plain(const Graph& graph, const ModelState& state) {
  wire::BroadcastProto p;
  p.set_bits(kFloatBits);
  return encode(graph, state, state.params, {}, p);
}

Result<ModelState> decode_broadcast(const Graph& graph, ByteView bytes) {
  wire::BroadcastProto p;
  if (auto ok = parse(bytes, p); !ok) return ok.error();
  if (p.bits() != 4 && p.bits() != 8 && p.bits() != kFloatBits) {
    return bad_field("broadcast.bits", "is not 4, 8 or 32");
  }
  auto state = take_quantizers(graph, p);
  if (!state) return state.error();
  if (p.shared_size() != 0 &&
      (p.bits() != kFloatBits || p.shared_size() != weight_tensors(graph))) {
    return bad_field("broadcast.shared", "does not fit the network");
  }
  auto params = decode_broadcast(tensors_of(graph, p), as_bytes(p.params()));
  if (params && p.shared_size() != 0) params = join_shared(graph, p, *params);
  if (!params) return at("broadcast.params", params.error());
  state->params = std::move(*params);
  if (auto ok = check_params(graph, *state); !ok) return ok.error();
  return state;
}

}  // namespace fedqat
