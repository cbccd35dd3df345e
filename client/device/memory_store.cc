#include "client/device/memory_store.h"

#include <cstring>

#include "client/device/state_file.h"
#include "common/base/check.h"
#include "common/base/failpoint.h"

namespace fedqat {
namespace {

constexpr std::string_view kMagic{"FEDQATE\0", 8};

}  // namespace

Result<std::vector<float>> MemoryStore::load(std::uint64_t run) {
  const auto file = fs_.read(path_);
  if (!file) {
    if (file.error().code == Errc::kNotFound) return std::vector<float>();
    return file.error();
  }
  const auto payload = open_state(kMagic, *file);
  if (!payload || payload->size() <= sizeof run || payload->size() % sizeof(float) != 0) {
    if (auto ok = fs_.remove(path_); !ok) return ok.error();
    return Error{Errc::kCorrupt,
                 path_.string() + " is damaged; what earlier updates left out is lost"};
  }
  std::uint64_t of = 0;
  std::memcpy(&of, payload->data(), sizeof of);
  if (of != run) return std::vector<float>();
  std::vector<float> memory((payload->size() - sizeof of) / sizeof(float));
  std::memcpy(memory.data(), payload->data() + sizeof of, memory.size() * sizeof(float));
  return memory;
}

Result<void> MemoryStore::keep(std::uint64_t run, std::span<const float> memory) {
  FEDQAT_CHECK(!memory.empty());
  Bytes payload(sizeof run + memory.size_bytes());
  std::memcpy(payload.data(), &run, sizeof run);
  std::memcpy(payload.data() + sizeof run, memory.data(), memory.size_bytes());
  FEDQAT_FAILPOINT("client.memory.before_write");
  if (auto ok = fs_.write_private(path_, seal_state(kMagic, payload)); !ok) return ok;
  FEDQAT_FAILPOINT("client.memory.after_write");
  return {};
}

}  // namespace fedqat
