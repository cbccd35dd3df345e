#include "common/wire/difference.h"

#include <algorithm>
#include <cmath>

#include "common/base/check.h"
#include "common/codec/broadcast_codec.h"
#include "common/codec/eden.h"
#include "common/codec/update_codec.h"
#include "common/wire/broadcast_fields.h"
#include "common/wire/frame.h"
#include "common/wire/message_fields.h"

namespace fedqat {
namespace {

bool is_stepped(const ParamTensor& t) {
  return t.kind == ParamKind::kWeight && t.size >= kLeastEdenBlock;
}

EdenRate rate_of(std::uint32_t bits) { return {static_cast<int>(bits), 1}; }

// Those that travel as they are.
std::vector<BroadcastTensor> rest_of(const Graph& graph) {
  std::vector<BroadcastTensor> rest;
  for (const ParamTensor& t : graph.params) {
    if (!is_stepped(t)) rest.push_back({t.size, t.channels, kFloatBits});
  }
  return rest;
}

}  // namespace

Bytes encode_difference(const Graph& graph, std::span<const float> from, const ModelState& to,
                        int bits, Rng rng) {
  FEDQAT_CHECK(from.size() == graph.param_count && to.params.size() == graph.param_count);
  wire::BroadcastProto p;
  put_quantizers(to, p);
  p.set_bits(static_cast<std::uint32_t>(bits));
  std::vector<float> step, rest;
  Bytes steps;
  for (const ParamTensor& t : graph.params) {
    const auto values = std::span(to.params).subspan(t.offset, t.size);
    if (!is_stepped(t)) {
      rest.insert(rest.end(), values.begin(), values.end());
      continue;
    }
    step.resize(t.size);
    for (std::size_t i = 0; i < t.size; ++i) step[i] = values[i] - from[t.offset + i];
    (void)encode_eden(step, rate_of(p.bits()), kFixedLimit, rng, steps);
  }
  p.set_steps(text_of(steps));
  p.set_params(text_of(encode_broadcast(rest_of(graph), rest)));
  return serialize(p);
}

Result<ModelState> apply_difference(const Graph& graph, std::span<const float> from,
                                    ByteView bytes) {
  FEDQAT_CHECK(from.size() == graph.param_count);
  wire::BroadcastProto p;
  if (auto ok = parse(bytes, p); !ok) return ok.error();
  if (p.bits() != 2 && p.bits() != 4 && p.bits() != 8) {
    return bad_field("broadcast.bits", "of a difference is not 2, 4 or 8");
  }
  auto state = take_quantizers(graph, p);
  if (!state) return state.error();
  const auto rest = decode_broadcast(rest_of(graph), as_bytes(p.params()));
  if (!rest) return at("broadcast.params", rest.error());
  ByteView steps = as_bytes(p.steps());
  const float* value = rest->data();
  state->params.resize(graph.param_count);
  for (const ParamTensor& t : graph.params) {
    float* out = state->params.data() + t.offset;
    if (!is_stepped(t)) {
      std::copy_n(value, t.size, out);
      value += t.size;
      continue;
    }
    const EdenRate rate = rate_of(p.bits());
    const std::size_t size = eden_size(t.size, rate);
    const ByteView step = steps.first(std::min(size, steps.size()));
    if (step.size() != size || std::isnan(greatest_eden_scale(step, t.size, rate, kFixedLimit))) {
      return bad_field("broadcast.steps", "are not of this network: " + t.name);
    }
    steps = steps.subspan(size);
    decode_eden(step, rate, kFixedLimit, {out, t.size});
    for (std::size_t i = 0; i < t.size; ++i) out[i] += from[t.offset + i];
  }
  if (!steps.empty()) return bad_field("broadcast.steps", "go on behind the last tensor");
  if (auto ok = check_params(graph, *state); !ok) return ok.error();
  return state;
}

}  // namespace fedqat
