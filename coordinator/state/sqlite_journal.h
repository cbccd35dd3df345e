// The journal of a deployment: an SQLite database for what is small, a preallocated segment for
// payloads of kInlineBytes and more. docs/formats.md has the tables.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "common/store/database.h"
#include "common/store/files.h"
#include "common/store/segment.h"
#include "coordinator/journal.h"

namespace fedqat {

inline constexpr std::size_t kInlineBytes = std::size_t{64} << 10;

struct SqliteJournalOptions {
  Files* files = nullptr;  // where the segment is; null: the machine's own. Outlives the journal
  std::string vfs;         // tests: where the database is; empty: the machine's own
  // kNormal loses commits at a power cut; only there to prove that the tests notice.
  Synchronous synchronous = Synchronous::kFull;
  bool sync_payloads = true;                      // false only together with kNormal
  std::uint64_t segment_growth = kSegmentGrowth;  // bytes preallocated at a time
};

// Nobody else may have the two files open; StateDir's lock sees to that. kUnavailable: somebody
// has, or no space; kInvalid: written by a newer fedqat, or a network file system; kCorrupt, kIo.
Result<std::unique_ptr<Journal>> open_sqlite_journal(const std::filesystem::path& database,
                                                     const std::filesystem::path& segment,
                                                     const SqliteJournalOptions& options = {});

}  // namespace fedqat
