#include "common/wire/difference.h"

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

struct Layout {
  UpdateGrid stepped;
  std::vector<BroadcastTensor> rest;
};

Layout layout_of(const Graph& graph, int bits) {
  Layout layout;
  for (const ParamTensor& t : graph.params) {
    if (is_stepped(t)) {
      layout.stepped.push_back({t.size, bits, 1, UpdateCodec::kEden});
    } else {
      layout.rest.push_back({t.size, t.channels, kFloatBits});
    }
  }
  return layout;
}

}  // namespace

Bytes encode_difference(const Graph& graph, std::span<const float> from, const ModelState& to,
                        int bits, const Rng& rng) {
  FEDQAT_CHECK(from.size() == graph.param_count && to.params.size() == graph.param_count);
  std::vector<float> steps, rest;
  for (const ParamTensor& t : graph.params) {
    const bool stepped = is_stepped(t);
    for (std::size_t i = t.offset; i < t.offset + t.size; ++i) {
      (stepped ? steps : rest).push_back(stepped ? to.params[i] - from[i] : to.params[i]);
    }
  }
  const Layout layout = layout_of(graph, bits);
  const auto encoded = encode_update(layout.stepped, steps, rng);
  FEDQAT_CHECK(encoded);
  wire::BroadcastProto p;
  put_quantizers(to, p);
  p.set_bits(static_cast<std::uint32_t>(bits));
  p.set_params(text_of(encode_broadcast(layout.rest, rest)));
  p.set_steps(text_of(encoded->payload));
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
  const Layout layout = layout_of(graph, static_cast<int>(p.bits()));
  const auto steps = decode_update(layout.stepped, as_bytes(p.steps()));
  if (!steps) return at("broadcast.steps", steps.error());
  const auto rest = decode_broadcast(layout.rest, as_bytes(p.params()));
  if (!rest) return at("broadcast.params", rest.error());
  const float* step = steps->data();
  const float* value = rest->data();
  state->params.reserve(graph.param_count);
  for (const ParamTensor& t : graph.params) {
    const bool stepped = is_stepped(t);
    for (std::size_t i = t.offset; i < t.offset + t.size; ++i) {
      state->params.push_back(stepped ? from[i] + *step++ : *value++);
    }
  }
  if (auto ok = check_params(graph, *state); !ok) return ok.error();
  return state;
}

}  // namespace fedqat
