// What the journal's tables hold, and how it gets there: docs/formats.md.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>

#include "common/store/database.h"
#include "common/store/segment.h"
#include "coordinator/journal.h"

namespace fedqat {

// For Database::migrate().
inline constexpr std::int32_t kJournalApplicationId = 0x46514a31;  // "FQJ1"
std::span<const std::string_view> journal_schema();

struct UpdateRow {
  AcceptedUpdate update;  // payload empty when it is in the segment
  std::optional<Location> location;
  std::uint32_t crc = 0;  // of the payload
};
struct AttemptRow {
  std::uint32_t round = 0;
  std::uint32_t attempt = 0;
};
struct InvitedRow {
  std::uint32_t round = 0;
  std::uint32_t client = 0;
};
// A Checkpoint closes its round: it takes the rows of the round, and older checkpoints but one,
// away.
using JournalRow = std::variant<UpdateRow, AttemptRow, InvitedRow, Checkpoint>;

// Within the caller's transaction. Errors as of Database.
Result<void> write_row(Database& db, const JournalRow& row);

}  // namespace fedqat
