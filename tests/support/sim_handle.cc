#include "tests/support/sim_handle.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace fedqat {

std::size_t SimHandle::read(std::uint64_t offset, std::span<std::byte> out) const {
  const Bytes& from = node_->current;
  if (offset >= from.size()) return 0;
  const std::size_t n = std::min<std::size_t>(out.size(), from.size() - offset);
  std::memcpy(out.data(), from.data() + offset, n);
  return n;
}

int SimHandle::change(SimDisk::Change change) {
  if (stale()) return SQLITE_IOERR_WRITE;
  int code = SQLITE_OK;
  const bool fails = disk_->next_fails(disk_->writes_);
  if (stale()) return SQLITE_IOERR_WRITE;
  if (fails) {
    code = disk_->writes_.fault == SimDisk::Fault::kNoSpace ? SQLITE_FULL : SQLITE_IOERR_WRITE;
    if (change.kind != SimDisk::Change::kWrite) return code;
    change.bytes.resize(change.bytes.size() / 2);
  }
  SimDisk::apply(change, node_->current);
  node_->pending.push_back(std::move(change));
  return code;
}

int SimHandle::sync() {
  if (stale()) return SQLITE_IOERR_FSYNC;
  const bool fails = disk_->next_fails(disk_->syncs_);
  if (stale()) return SQLITE_IOERR_FSYNC;
  if (fails) {
    node_->pending.clear();
    return SQLITE_IOERR_FSYNC;
  }
  for (const SimDisk::Change& c : node_->pending) SimDisk::apply(c, node_->durable);
  node_->pending.clear();
  return SQLITE_OK;
}

}  // namespace fedqat
