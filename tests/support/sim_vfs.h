// A SimDisk as SQLite sees it.
#pragma once

#include <sqlite3.h>

#include <memory>

namespace fedqat {

class SimDisk;

// Under the disk's name; to be registered by the caller. It points at `disk`.
std::unique_ptr<sqlite3_vfs> make_sim_vfs(SimDisk& disk);

}  // namespace fedqat
