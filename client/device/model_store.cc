#include "client/device/model_store.h"

#include <cstring>

#include "client/device/state_file.h"
#include "common/base/failpoint.h"
#include "common/wire/broadcast.h"

namespace fedqat {
namespace {

constexpr std::string_view kMagic{"FEDQATB\0", 8};

struct Head {
  std::uint64_t run, version;
};

}  // namespace

Result<void> ModelStore::load(std::uint64_t run, const Graph& graph, ModelCache& cache) {
  const auto file = fs_.read(path_);
  if (!file) {
    if (file.error().code == Errc::kNotFound) return {};
    return file.error();
  }
  const auto payload = open_state(kMagic, *file);
  Head head;
  if (!payload || payload->size() < sizeof head) {
    if (auto ok = fs_.remove(path_); !ok) return ok;
    return Error{Errc::kCorrupt, path_.string() + " is damaged; the model is fetched again"};
  }
  std::memcpy(&head, payload->data(), sizeof head);
  if (head.run != run) return {};
  const ByteView model = payload->subspan(sizeof head);
  auto state = decode_broadcast(graph, model);
  if (!state) return state.error();
  Task task;
  task.version = head.version;
  task.model_sha256 = kept_ = sha256(model);
  cache.keep(task, std::make_shared<const ModelState>(std::move(*state)));
  return {};
}

Result<void> ModelStore::keep(const Task& task, const Graph& graph, const ModelState& model) {
  if (task.model_sha256 == kept_) return {};
  const Head head{task.run, task.version};
  Bytes payload(sizeof head);
  std::memcpy(payload.data(), &head, sizeof head);
  const Bytes bytes = encode_plain(graph, model);
  payload.insert(payload.end(), bytes.begin(), bytes.end());
  FEDQAT_FAILPOINT("client.model.before_write");
  if (auto ok = fs_.write_private(path_, seal_state(kMagic, payload)); !ok) return ok;
  FEDQAT_FAILPOINT("client.model.after_write");
  kept_ = task.model_sha256;
  return {};
}

}  // namespace fedqat
