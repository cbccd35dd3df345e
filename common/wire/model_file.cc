#include "common/wire/model_file.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>

#include "common/codec/bit_pack.h"
#include "common/codec/codebook_codec.h"
#include "common/crypto/sha256.h"
#include "common/wire/frame.h"
#include "common/wire/message_fields.h"
#include "common/wire/model.pb.h"
#include "common/wire/network_spec.h"

namespace fedqat {
namespace {

constexpr char kMagic[8] = "FEDQATM";

Error corrupt(std::string_view file, std::size_t offset, const std::string& what) {
  return {Errc::kCorrupt, std::string(file) + ": byte " + std::to_string(offset) + ": " + what};
}

template <class T>
void put_all(const std::vector<T>& values, google::protobuf::RepeatedField<T>& out) {
  out.Add(values.begin(), values.end());
}

void put_codes(const std::vector<std::int8_t>& codes, int bits, std::string& out) {
  const std::vector<std::int16_t> wide(codes.begin(), codes.end());
  Bytes packed;
  pack_codes(wide, bits, packed);
  out = text_of(packed);
}

Result<std::vector<std::int8_t>> take_codes(const std::string& packed, std::size_t n, int bits) {
  if (!packed_is_valid(as_bytes(packed), n, bits)) {
    return bad_field("weight_codes", "do not fit the layer");
  }
  std::vector<std::int16_t> wide(n);
  unpack_codes(as_bytes(packed), bits, 0, wide);
  return std::vector<std::int8_t>(wide.begin(), wide.end());
}

void put_step(const PackedStep& step, int bits, wire::PackedStepProto& p) {
  if (!step.weights.empty()) put_codes(step.weights, bits, *p.mutable_weight_codes());
  put_all(step.weight_scales, *p.mutable_weight_scales());
  put_all(step.bias, *p.mutable_bias());
  p.set_activation_scale(step.activation_scale);
  p.set_activation_zero(static_cast<std::uint32_t>(step.activation_zero));
  if (const auto shared = encode_codebook(step.float_weights)) {
    p.set_shared_weights(text_of(*shared));
  } else {
    put_all(step.float_weights, *p.mutable_float_weights());
  }
  put_all(step.float_bias, *p.mutable_float_bias());
}

Result<PackedStep> take_step(const wire::PackedStepProto& p, const Graph& graph, const Step& step) {
  PackedStep out;
  if (step.has_weights() && !graph.quant.is_float()) {
    const std::size_t n = graph.params[static_cast<std::size_t>(step.weight)].size;
    auto codes = take_codes(p.weight_codes(), n, step.weight_bits);
    if (!codes) return codes.error();
    out.weights = std::move(*codes);
  } else if (!p.weight_codes().empty()) {
    return bad_field("weight_codes", "in a step without weights");
  }
  if (p.activation_zero() > 255) return bad_field("activation_zero", "is above 255");
  out.weight_scales.assign(p.weight_scales().begin(), p.weight_scales().end());
  out.bias.assign(p.bias().begin(), p.bias().end());
  out.activation_scale = p.activation_scale();
  out.activation_zero = static_cast<std::int32_t>(p.activation_zero());
  out.float_weights.assign(p.float_weights().begin(), p.float_weights().end());
  if (!p.shared_weights().empty()) {
    if (!step.has_weights() || !graph.quant.is_float() || !out.float_weights.empty()) {
      return bad_field("shared_weights", "where none belong");
    }
    const std::size_t n = graph.params[static_cast<std::size_t>(step.weight)].size;
    auto weights = decode_codebook(as_bytes(p.shared_weights()), n);
    if (!weights) return at("shared_weights", weights.error());
    out.float_weights = std::move(*weights);
  }
  out.float_bias.assign(p.float_bias().begin(), p.float_bias().end());
  return out;
}

Result<PackedModel> model_from_proto(const wire::PackedModelProto& p) {
  auto network = from_proto(p.network());
  if (!network) return network.error();
  const auto graph = build_graph(network->model, network->quant);
  if (!graph) return graph.error();
  if (static_cast<std::size_t>(p.steps_size()) != graph->steps.size()) {
    return bad_field("steps", "do not fit the network");
  }
  PackedModel model{network->model, network->quant, network->input, {}};
  for (int i = 0; i < p.steps_size(); ++i) {
    const Step& step = graph->steps[static_cast<std::size_t>(i)];
    auto packed = take_step(p.steps(i), *graph, step);
    if (!packed) return at("step '" + step.name + "'", packed.error());
    model.steps.push_back(std::move(*packed));
  }
  if (auto ok = validate(model); !ok) return ok.error();
  return model;
}

}  // namespace

Bytes encode_model(const PackedModel& model) {
  FEDQAT_CHECK(validate(model));
  const auto graph = build_graph(model.spec, model.quant);
  FEDQAT_CHECK(graph && graph->steps.size() == model.steps.size());
  wire::PackedModelProto p;
  to_proto({model.spec, model.quant, model.input}, *p.mutable_network());
  for (std::size_t i = 0; i < model.steps.size(); ++i) {
    put_step(model.steps[i], graph->steps[i].weight_bits, *p.add_steps());
  }
  const Bytes payload = serialize(p);
  const Digest digest = sha256(payload);
  ModelFileHeader header{};
  std::memcpy(header.magic, kMagic, sizeof header.magic);
  header.format = kModelFormat;
  header.payload = payload.size();
  std::memcpy(header.sha256, digest.data(), digest.size());
  Bytes file(sizeof header + payload.size());
  std::memcpy(file.data(), &header, sizeof header);
  std::copy(payload.begin(), payload.end(), file.begin() + sizeof header);
  return file;
}

Result<PackedModel> decode_model(ByteView bytes, std::string_view file) {
  ModelFileHeader header{};
  if (bytes.size() < sizeof header) {
    return corrupt(file, bytes.size(), "file ends inside its header of 56 bytes");
  }
  std::memcpy(&header, bytes.data(), sizeof header);
  if (std::memcmp(header.magic, kMagic, sizeof header.magic) != 0) {
    return corrupt(file, 0, "not a fedqat model (no magic)");
  }
  if (header.format != kModelFormat) {
    return Error{Errc::kInvalid, std::string(file) + ": byte 8: format " +
                                     std::to_string(header.format) + "; this program reads " +
                                     std::to_string(kModelFormat)};
  }
  if (header.zero != 0) return corrupt(file, offsetof(ModelFileHeader, zero), "must be 0");
  const ByteView payload = bytes.subspan(sizeof header);
  if (header.payload != payload.size()) {
    return corrupt(file,
                   sizeof header + static_cast<std::size_t>(
                                       std::min<std::uint64_t>(payload.size(), header.payload)),
                   "file has " + std::to_string(payload.size()) +
                       " bytes of payload, its header says " + std::to_string(header.payload));
  }
  const Digest digest = sha256(payload);
  if (std::memcmp(digest.data(), header.sha256, digest.size()) != 0) {
    return corrupt(file, sizeof header, "payload does not have the SHA-256 of the header");
  }
  wire::PackedModelProto p;
  if (auto ok = parse(payload, p); !ok) return corrupt(file, sizeof header, ok.error().what);
  auto model = model_from_proto(p);
  if (!model) return corrupt(file, sizeof header, model.error().what);
  return model;
}

}  // namespace fedqat
