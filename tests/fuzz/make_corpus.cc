// Writes the corpus of the fuzz targets: one valid input of each kind, and what is nearly valid.
// To be called again when a format changes; the corpus is committed.
//   make_fuzz_corpus tests/fuzz/corpus
#include "tests/fuzz/make_corpus.h"

#include <cstdio>
#include <filesystem>
#include <string>

#include "common/codec/bit_pack.h"
#include "common/quant/weight_sharing.h"
#include "common/wire/broadcast.h"
#include "common/wire/config.h"
#include "common/wire/difference.h"
#include "common/wire/frame.h"
#include "common/wire/messages.h"
#include "common/wire/model.pb.h"
#include "common/wire/model_file.h"
#include "tests/common/data/files.h"
#include "tests/fuzz/fuzz_inputs.h"

namespace fedqat {
namespace {
std::filesystem::path folder;
}

void put(const std::string& target, const std::string& name, ByteView bytes) {
  const auto fs = make_posix_fs();
  FEDQAT_CHECK(fs->make_dirs(folder / target));
  FEDQAT_CHECK(fs->write_atomic(folder / target / name, bytes));
}

void put(const std::string& target, const std::string& name, const std::string& text) {
  put(target, name, as_bytes(text));
}

}  // namespace fedqat

namespace {

using namespace fedqat;

UpdateStats some_stats() {
  UpdateStats stats{100, 300, 12345, 7, {0.5F, 0, 3}, std::vector<Log2Histogram>(2)};
  stats.histograms[0].zeros = 9;
  stats.histograms[0].positive[200] = 4;
  stats.histograms[1].negative[255] = 1;
  return stats;
}

NetworkSpec some_network() { return {every_layer_model({8, 8, 1}, 3), {4, 4, 8}, {0.01F, 3}}; }

NetworkSpec some_mixed_network() {
  NetworkSpec network = some_network();
  network.quant.layers = {{"conv", 2, 6}, {"branch", 3, 0}, {"sum", 0, 5}};
  return network;
}

void make_requests() {
  UploadUpdate upload{1, 2, 1, {}, 5, 0, Bytes(5, std::byte{7}), encode_stats(some_stats())};
  upload.digest = update_digest(upload.data, upload.stats);
  const Request all[] = {CheckIn{}, FetchNetwork{5}, FetchModel{5, 6, 7}, FetchModel{5, 6, 0, 4},
                         upload};
  const char* const names[] = {"check_in", "fetch_network", "fetch_model", "fetch_steps", "upload"};
  for (std::size_t i = 0; i < std::size(all); ++i) {
    for (const char* target : {"frame", "request"}) put(target, names[i], encode_request(all[i]));
  }
  put("stats", "histograms", encode_stats(some_stats()));
  put("stats", "plain", encode_stats({1, 1, 0, 0, {1}, {}}));
}

void make_replies() {
  Task task;
  task.run = 0x0123456789ABCDEF;
  task.round = 3;
  task.version = 2;
  task.steps_from = 1;
  task.model_size = 1000;
  task.phase = Phase::kQuantized;
  task.training = {2, 64, 0.1F, 0.9F, 1e-4F, 0.01F, 1.5F, 100};
  task.grid = {{8, 0.01F}, {16, 1e-5F}, {0, 1}, {32, 1}, {2, 1, UpdateCodec::kEden, 0.5F}};
  const ReplyBody all[] = {task,
                           RetryLater{},
                           some_network(),
                           ModelChunk{2, 0, 1, {}, Bytes(9, std::byte{3})},
                           Ack{1, 2, 3, true},
                           Refusal{RefusalCode::kLate, "late"}};
  const char* const names[] = {"task", "retry", "network", "chunk", "ack", "refusal"};
  for (std::size_t i = 0; i < std::size(all); ++i) {
    put("reply", names[i], encode_reply({10, all[i]}));
  }
}

void make_updates() {
  const UpdateGrid grid = fuzz_grid();
  std::size_t elements = 0;
  for (const TensorGrid& tensor : grid) elements += tensor.size;
  std::vector<float> delta(elements);
  Rng rng({.seed = 51});
  for (float& v : delta) v = static_cast<float>(rng.normal());
  put("update_payload", "normal", encode_update(grid, delta, rng)->payload);
  put("update_payload", "zeros", encode_update(grid, std::vector<float>(elements), rng)->payload);
  for (const int bits : {2, 5, 8, 11, 16}) {
    Bytes packed = {static_cast<std::byte>(bits - kMinCodeBits)};
    std::vector<std::int16_t> codes(200);
    for (auto& c : codes) c = static_cast<std::int16_t>(rng.below(3)) - 1;
    pack_codes(codes, bits, packed);
    put("bit_pack", "bits" + std::to_string(bits), packed);
  }
}

ModelState shared_model(const Graph& graph) {
  ModelState model = init_model(graph, 1);
  for (const ParamTensor& p : graph.params) {
    const auto values = std::span(model.params).subspan(p.offset, p.size);
    if (p.kind == ParamKind::kWeight) expand(share_weights(values, 5, Spacing::kEven), values);
  }
  return model;
}

void make_models() {
  const Graph graph = fuzz_graph();
  const Dataset data = blob_dataset({8, 8, 1}, 3, 40, 2);
  const ModelState state = calibrated(graph, init_model(graph, 1), data);
  put("broadcast", "bits8", encode_broadcast(graph, state, 8));
  put("broadcast", "bits4", encode_broadcast(graph, state, 4));
  put("broadcast", "bits32", encode_broadcast(graph, state, 32));
  put("broadcast", "float", encode_broadcast(graph, init_model(graph, 1), 32));
  for (const int bits : {2, 4, 8}) {
    put("difference", "bits" + std::to_string(bits),
        encode_difference(graph, init_model(graph, 2).params, state, bits, Rng({.seed = 9})));
  }
  put("model_file", "integers", encode_model(pack_model(graph, state, data.grid)));
  const auto plain = build_graph(graph.spec, {kFloatBits, kFloatBits, kFloatBits});
  FEDQAT_CHECK(plain);
  const NetworkSpec mixed = some_mixed_network();
  const auto mixed_graph = build_graph(mixed.model, mixed.quant);
  FEDQAT_CHECK(mixed_graph);
  const ModelState mixed_state = calibrated(*mixed_graph, init_model(*mixed_graph, 1), data);
  put("model_file", "layer_bits", encode_model(pack_model(*mixed_graph, mixed_state, data.grid)));
  put("model_file", "float", encode_model(pack_model(*plain, init_model(*plain, 1), data.grid)));
  put("model_file", "shared", encode_model(pack_model(*plain, shared_model(*plain), data.grid)));
  put("broadcast", "shared", encode_broadcast(graph, shared_model(graph), 32));
  wire::NetworkProto network;
  to_proto(some_network(), network);
  put("network_spec", "every_layer", serialize(network));
  wire::NetworkProto mixed_network;
  to_proto(mixed, mixed_network);
  put("network_spec", "layer_bits", serialize(mixed_network));
  wire::NetworkProto normalized;
  to_proto({batch_norm_model({8, 8, 1}, 3), {4, 4, 8}, {0.01F, 3}}, normalized);
  put("network_spec", "batch_norm", serialize(normalized));
}

void make_configs() {
  put("config_toml", "schema", schema_toml());
  put("config_toml", "short",
      std::string("[run]\nname = \"a\"\nrounds = 3\n[quant]\nweight_bits = 4\n[data]\nname = "
                  "\"digits\"\n[partition]\nkind = \"dirichlet\"\nalpha = 0.5\n"));
}

void make_data() {
  const std::string images = idx({2, 3, 4}, std::string(24, 'x'));
  const std::string labels = idx({2}, std::string("\0\1", 2));
  put("idx", "images", images);
  put("idx", "labels", labels);
  put("idx", "both", labels + images);
  put("idx", "ints", idx_int({1, 2, 0xffffffff}));
  put("idx", "images.gz", gzip(images));
  std::string record(3073, 'y');
  record[0] = 3;
  put("cifar", "two.gz", gzip(record + record));
  put("cifar", "one", record);
  std::string rows;
  for (int i = 0; i < 6; ++i) rows += "A,2,8,3,5,1,8,13,0,6,6,10,8,0,8,0,15\r\n";
  put("letters", "rows", rows);
  put("letters", "rows.gz", gzip(rows));
  std::string npy = "{'descr': '<i2', 'fortran_order': False, 'shape': (2, 3), }";
  npy = std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(npy.size()) + '\0' + npy;
  put("npy", "matrix", npy + "abcdefghijkl");
  put("npy", "matrix.gz", gzip(npy + "abcdefghijkl"));
  put("packed_file", "plain", std::string("plain"));
  put("packed_file", "members.gz", gzip("first") + gzip(std::string(3000, 'z')));
  put("packed_file", "bomb.gz", gzip(std::string(std::size_t{1} << 19, '\0')));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: make_fuzz_corpus FOLDER\n", stderr);
    return 2;
  }
  folder = argv[1];
  make_requests();
  make_replies();
  make_updates();
  make_models();
  make_configs();
  make_data();
  make_deployment_corpus();
  return 0;
}
