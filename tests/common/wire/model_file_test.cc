#include "common/wire/model_file.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>

#include "common/base/rng.h"
#include "common/crypto/sha256.h"
#include "common/nn/engine.h"
#include "tests/support/random_data.h"

using namespace fedqat;

namespace {

PackedModel some_model(int bits, const std::vector<LayerBits>& layers = {}) {
  const Shape shape = {8, 8, 1};
  const Dataset data = blob_dataset(shape, 3, 40, 2);
  const auto graph =
      build_graph(every_layer_model(shape, 3),
                  {.weight_bits = bits, .activation_bits = bits, .edge_bits = 8, .layers = layers});
  ModelState state = init_model(*graph, 1);
  if (bits != kFloatBits) state = calibrated(*graph, std::move(state), data);
  return pack_model(*graph, state, data.grid);
}

}  // namespace

TEST_CASE("model_file: a model comes back and computes the same") {
  const int bits = GENERATE(2, 3, 4, 8, kFloatBits);
  CAPTURE(bits);
  const PackedModel model = some_model(bits);
  const Bytes file = encode_model(model);
  REQUIRE(encode_model(model) == file);
  auto back = decode_model(file, "m.fedqat");
  REQUIRE(back);
  REQUIRE(encode_model(*back) == file);
  const Dataset data = random_dataset({8, 8, 1}, 3, 16, 5);
  auto a = Engine::make(model, 16), b = Engine::make(std::move(*back), 16);
  REQUIRE((a && b));
  a->run(data.codes.data(), 16);
  b->run(data.codes.data(), 16);
  REQUIRE(std::equal(a->logits().begin(), a->logits().end(), b->logits().begin()));
}

TEST_CASE("model_file: bits of single layers make the file smaller and come back") {
  const PackedModel model = some_model(8, {{"branch", 2, 5}, {"strided", 3, 0}});
  const Bytes file = encode_model(model);
  CHECK(file.size() < encode_model(some_model(8)).size());
  const auto back = decode_model(file, "m.fedqat");
  REQUIRE(back);
  CHECK(encode_model(*back) == file);
  const auto graph = build_graph(back->spec, back->quant);
  REQUIRE(graph);
  for (std::size_t i = 0; i < graph->steps.size(); ++i) {
    CHECK(back->steps[i].weights == model.steps[i].weights);
    if (graph->steps[i].name == "strided") CHECK(graph->steps[i].weight_bits == 3);
  }
}

TEST_CASE("model_file: a model with dynamic quantization comes back") {
  const auto graph = build_graph(every_layer_model({8, 8, 1}, 3), {8, kFloatBits, 8});
  ModelState state = init_model(*graph, 1);
  state.quantized = true;
  const PackedModel model = pack_model(*graph, state, {});
  const auto back = decode_model(encode_model(model), "m.fedqat");
  REQUIRE(back);
  CHECK(back->quant.is_dynamic());
  for (std::size_t i = 0; i < model.steps.size(); ++i) {
    CHECK(back->steps[i].weights == model.steps[i].weights);
    CHECK(back->steps[i].float_bias == model.steps[i].float_bias);
  }
}

TEST_CASE("model_file: a file cut anywhere is refused with its name and an offset") {
  const Bytes file = encode_model(some_model(8));
  for (std::size_t n = 0; n < file.size(); ++n) {
    const auto r = decode_model(ByteView(file).first(n), "m.fedqat");
    REQUIRE_FALSE(r);
    REQUIRE_THAT(r.error().what, Catch::StartsWith("m.fedqat: byte "));
  }
}

TEST_CASE("model_file: every flipped bit is noticed") {
  Bytes file = encode_model(some_model(4));
  for (std::size_t i = 0; i < file.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      file[i] ^= std::byte(1U << bit);
      if (decode_model(file, "m.fedqat")) FAIL("byte " << i << " bit " << bit);
      file[i] ^= std::byte(1U << bit);
    }
  }
  REQUIRE(decode_model(file, "m.fedqat"));
}

namespace {

// `file` with its header's length and hash made right again.
void reseal(Bytes& file) {
  const ByteView payload = ByteView(file).subspan(sizeof(ModelFileHeader));
  ModelFileHeader header;
  std::memcpy(&header, file.data(), sizeof header);
  header.payload = payload.size();
  const auto hash = sha256(payload);
  std::memcpy(header.sha256, hash.data(), hash.size());
  std::memcpy(file.data(), &header, sizeof header);
}

}  // namespace

TEST_CASE("model_file: a hostile payload with a right hash is refused, or runs without harm") {
  const Dataset data = random_dataset({8, 8, 1}, 3, 2, 5);
  Rng rng({.seed = 12});
  int refused = 0, ran = 0;
  for (const int bits : {4, 8, kFloatBits}) {
    const Bytes good = encode_model(bits == 8 ? some_model(bits, {{"branch", 2, 5}, {"sum", 0, 3}})
                                              : some_model(bits));
    for (int trial = 0; trial < 3000; ++trial) {
      Bytes file = good;
      const std::uint32_t changes = 1 + rng.below(4);
      for (std::uint32_t c = 0; c < changes; ++c) {
        // The description is at the front, where most of the structure is.
        const auto reach = static_cast<std::uint32_t>(file.size() - sizeof(ModelFileHeader));
        const std::uint32_t where = rng.below(rng.below(2) == 0 ? std::min(reach, 400U) : reach);
        file[sizeof(ModelFileHeader) + where] = static_cast<std::byte>(rng.below(256));
      }
      if (rng.below(8) == 0) file.resize(file.size() - rng.below(40));
      reseal(file);
      auto model = decode_model(file, "m.fedqat");
      if (!model) {
        ++refused;
        continue;
      }
      if (model->spec.input != data.shape) continue;
      auto engine = Engine::make(std::move(*model), 2);
      REQUIRE(engine);
      engine->run(data.codes.data(), 2);
      ++ran;
    }
  }
  CHECK(refused > 1000);
  CHECK(ran > 100);
}
