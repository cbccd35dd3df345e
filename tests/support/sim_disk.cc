#include "tests/support/sim_disk.h"

#include <sqlite3.h>

#include <algorithm>
#include <utility>

#include "tests/support/sim_handle.h"
#include "tests/support/sim_vfs.h"

namespace fedqat {
namespace {

constexpr std::size_t kSector = 512;

void write_bytes(std::uint64_t offset, ByteView bytes, Bytes& to) {
  const std::size_t end = offset + bytes.size();
  if (to.size() < end) to.resize(end);
  std::copy(bytes.begin(), bytes.end(), to.begin() + static_cast<std::ptrdiff_t>(offset));
}

}  // namespace

namespace {

Result<void> to_result(int code, const std::string& name) {
  if (code == SQLITE_OK) return {};
  if (code == SQLITE_FULL) return Error{Errc::kUnavailable, name + ": simulated: no space"};
  return Error{Errc::kIo, name + ": simulated I/O error"};
}

class SimFile final : public File {
 public:
  explicit SimFile(SimHandle handle) : handle_(std::move(handle)) {}

  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) override {
    if (handle_.stale()) return to_result(SQLITE_IOERR, handle_.name()).error();
    return handle_.read(offset, out);
  }
  Result<void> write_at(std::uint64_t offset, ByteView bytes) override {
    return change({SimDisk::Change::kWrite, offset, Bytes(bytes.begin(), bytes.end())});
  }
  Result<void> sync() override { return to_result(handle_.sync(), handle_.name()); }
  Result<void> preallocate(std::uint64_t size) override {
    if (size <= handle_.size()) return {};
    return change({SimDisk::Change::kExtend, size, {}});
  }
  Result<void> truncate(std::uint64_t size) override {
    return change({SimDisk::Change::kCut, size, {}});
  }
  Result<std::uint64_t> size() override {
    if (handle_.stale()) return to_result(SQLITE_IOERR, handle_.name()).error();
    return handle_.size();
  }

 private:
  Result<void> change(SimDisk::Change change) {
    return to_result(handle_.change(std::move(change)), handle_.name());
  }

  SimHandle handle_;
};

}  // namespace

bool SimDisk::Counter::fails() const {
  return fail_from != 0 && count >= fail_from && count < fail_until;
}

bool SimDisk::next_fails(Counter& counter) {
  ++counter.count;
  if (operations() == crash_at_) crash();
  return counter.fails();
}

SimDisk::SimDisk(std::string name) : name_(std::move(name)), vfs_(make_sim_vfs(*this)) {
  FEDQAT_CHECK(sqlite3_vfs_register(vfs_.get(), 0) == SQLITE_OK);
}

SimDisk::~SimDisk() { sqlite3_vfs_unregister(vfs_.get()); }

Result<std::unique_ptr<File>> SimDisk::open(const std::filesystem::path& path) {
  down_ = false;
  auto node = find_or_make(path.string(), true);
  return std::unique_ptr<File>(
      std::make_unique<SimFile>(SimHandle(this, path.string(), std::move(node))));
}

Result<std::unique_ptr<File>> SimDisk::open_existing(const std::filesystem::path& path) {
  if (!exists(path)) return Error{Errc::kNotFound, path.string() + ": simulated: no such file"};
  return open(path);
}

Result<void> SimDisk::sync_dir(const std::filesystem::path& dir) {
  if (down_ || next_fails(syncs_) || down_) {
    return Error{Errc::kIo, dir.string() + ": simulated I/O error"};
  }
  std::vector<NameChange> rest;
  for (NameChange& change : pending_names_) {
    if (folder_of(change.name) == dir.string()) {
      rename(change, durable_names_);
    } else {
      rest.push_back(std::move(change));
    }
  }
  pending_names_ = std::move(rest);
  return {};
}

void SimDisk::crash() {
  ++epoch_;
  down_ = true;
}

void SimDisk::power_cut(std::uint64_t seed) {
  crash();
  Rng rng({.seed = seed});
  const std::uint32_t kept = rng.below(static_cast<std::uint32_t>(pending_names_.size()) + 1);
  for (std::uint32_t i = 0; i < kept; ++i) rename(pending_names_[i], durable_names_);
  pending_names_.clear();
  names_ = durable_names_;
  for (auto& [name, node] : names_) {
    for (const Change& change : node->pending) apply_some(change, node->durable, rng);
    node->pending.clear();
    node->current = node->durable;
  }
}

void SimDisk::fail_write(std::uint64_t n, Fault fault, std::uint64_t times) {
  writes_.fail_from = writes_.count + n;
  writes_.fail_until = writes_.fail_from + times;
  writes_.fault = fault;
}

void SimDisk::fail_sync(std::uint64_t n, std::uint64_t times) {
  syncs_.fail_from = syncs_.count + n;
  syncs_.fail_until = syncs_.fail_from + times;
}

void SimDisk::heal() {
  writes_.fail_from = 0;
  syncs_.fail_from = 0;
  crash_at_ = 0;
}

bool SimDisk::exists(const std::filesystem::path& path) const {
  return names_.count(path.string()) != 0;
}

Bytes& SimDisk::content(const std::filesystem::path& path) {
  return names_.at(path.string())->current;
}

void SimDisk::apply(const Change& change, Bytes& to) {
  switch (change.kind) {
    case Change::kWrite:
      return write_bytes(change.offset, change.bytes, to);
    case Change::kExtend:
      if (to.size() < change.offset) to.resize(change.offset);
      return;
    case Change::kCut:
      return to.resize(change.offset);
  }
}

void SimDisk::apply_some(const Change& change, Bytes& to, Rng& rng) {
  const std::uint32_t lot = rng.below(change.kind == Change::kWrite ? 3 : 2);
  if (lot == 0) return;
  if (lot == 1) return apply(change, to);
  const std::uint64_t end = change.offset + change.bytes.size();
  for (std::uint64_t at = change.offset; at < end;) {
    const std::uint64_t next = std::min(end, (at / kSector + 1) * kSector);
    const ByteView all(change.bytes);
    if (rng.below(2) == 0) write_bytes(at, all.subspan(at - change.offset, next - at), to);
    at = next;
  }
}

void SimDisk::rename(const NameChange& change, Names& names) {
  if (change.node == nullptr) {
    names.erase(change.name);
  } else {
    names[change.name] = change.node;
  }
}

std::string SimDisk::folder_of(const std::string& name) {
  return std::filesystem::path(name).parent_path().string();
}

std::shared_ptr<SimDisk::Node> SimDisk::find_or_make(const std::string& name, bool make) {
  const auto found = names_.find(name);
  if (found != names_.end()) return found->second;
  if (!make) return nullptr;
  auto node = std::make_shared<Node>();
  pending_names_.push_back({name, node});
  names_[name] = node;
  return node;
}

void SimDisk::remove(const std::string& name) {
  names_.erase(name);
  pending_names_.push_back({name, nullptr});
}

}  // namespace fedqat
