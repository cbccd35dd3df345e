// An open file of a SimDisk, for its File and its VFS.
#pragma once

#include <sqlite3.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "tests/support/sim_disk.h"

namespace fedqat {

// Codes are SQLite's.
class SimHandle {
 public:
  SimHandle(SimDisk* disk, std::string name, std::shared_ptr<SimDisk::Node> node)
      : disk_(disk), name_(std::move(name)), node_(std::move(node)), epoch_(disk->epoch_) {}

  bool stale() const { return epoch_ != disk_->epoch_; }
  const std::string& name() const { return name_; }
  std::uint64_t size() const { return node_->current.size(); }

  // At most what there is.
  std::size_t read(std::uint64_t offset, std::span<std::byte> out) const;
  int change(SimDisk::Change change);
  int sync();

  SimDisk& disk() { return *disk_; }

 private:
  SimDisk* disk_;
  std::string name_;
  std::shared_ptr<SimDisk::Node> node_;
  std::uint64_t epoch_;
};

}  // namespace fedqat
