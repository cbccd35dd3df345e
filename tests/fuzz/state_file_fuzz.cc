#include "client/device/checkpoint_store.h"
#include "client/device/model_store.h"
#include "client/device/seen_models.h"
#include "client/device/state_file.h"
#include "client/device/update_store.h"
#include "common/wire/frame.h"
#include "common/wire/identity.pb.h"
#include "common/wire/message_fields.h"
#include "tests/fuzz/fuzz_inputs.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/support/memory_fs.h"

using namespace fedqat;

namespace {

void seen_models(ByteView file) {
  MemoryFs fs;
  FEDQAT_CHECK(fs.write_private("seen.bin", file));
  auto seen = SeenModels::open(fs, "seen.bin");
  if (!seen) {
    FEDQAT_CHECK(seen.error().code == Errc::kCorrupt);
    return;
  }
  if (seen->admit({1, 2, 3, {}, {}, 1000}, 1000)) FEDQAT_CHECK(SeenModels::open(fs, "seen.bin"));
}

void update(ByteView file) {
  MemoryFs fs;
  FEDQAT_CHECK(fs.write_private("update.bin", file));
  UpdateStore store(fs, "update.bin");
  const auto loaded = store.load();
  if (!loaded) {
    FEDQAT_CHECK(loaded.error().code == Errc::kCorrupt && !fs.exists("update.bin"));
    return;
  }
  FEDQAT_CHECK(loaded->has_value() && store.keep(**loaded));
  const auto again = store.load();
  FEDQAT_CHECK(again && (*again)->payload == (*loaded)->payload);
}

void checkpoint(ByteView file) {
  const auto decoded = decode_checkpoint(file);
  if (!decoded) return;
  const Bytes again = encode_checkpoint(*decoded);
  const auto back = decode_checkpoint(again);
  FEDQAT_CHECK(back && encode_checkpoint(*back) == again);
}

void model(ByteView file) {
  static const Graph graph = fuzz_graph();
  MemoryFs fs;
  FEDQAT_CHECK(fs.write_private("model.bin", file));
  ModelCache cache;
  if (!ModelStore(fs, "model.bin").load(5, graph, cache)) FEDQAT_CHECK(!cache.newest());
}

// With the digest that the update should have, so that it is read further.
Bytes with_digest(ByteView payload) {
  wire::StoredUpdateProto p;
  if (!parse(payload, p)) return {payload.begin(), payload.end()};
  p.set_digest(text_of(update_digest(as_bytes(p.payload()), as_bytes(p.stats()))));
  return serialize(p);
}

}  // namespace

// What a device remembers: the bytes as a whole file, then as the payload of a good one.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes = input(data, size);
  seen_models(bytes);
  update(bytes);
  checkpoint(bytes);
  seen_models(seal_state({"FEDQATS\0", 8}, bytes));
  update(seal_state({"FEDQATU\0", 8}, with_digest(bytes)));
  checkpoint(seal_state({"FEDQATK\0", 8}, bytes));
  model(bytes);
  model(seal_state({"FEDQATB\0", 8}, bytes));
  return 0;
}
