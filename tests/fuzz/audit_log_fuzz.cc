#include "coordinator/state/audit_log.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/memory_files.h"

using namespace fedqat;

// Two bytes are the length of the log's head, little-endian; then come the head and the log.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const ByteView rest = input(data + 2, size - 2);
  const std::size_t cut = std::min<std::size_t>(data[0] | data[1] << 8, rest.size());
  MemoryFiles files;
  const ByteView head = rest.first(cut), log = rest.subspan(cut);
  files.content["/log.head"].assign(head.begin(), head.end());
  files.content["/log"].assign(log.begin(), log.end());
  const auto verified = AuditLog::verify("/log", &files);
  const auto before = files.content;
  auto opened = AuditLog::open("/log", 1'700'000'000, &files);
  if (!opened) {
    FEDQAT_CHECK(opened.error().code == Errc::kCorrupt);
    FEDQAT_CHECK(!verified);
    FEDQAT_CHECK(files.content == before);  // nothing is touched
    return 0;
  }
  // What was opened is whole, and goes on.
  FEDQAT_CHECK(!verified || opened->lines() >= *verified);
  FEDQAT_CHECK(opened->append(1'700'000'001, "more", {{"n", 1}}) && opened->sync());
  const auto again = AuditLog::verify("/log", &files);
  FEDQAT_CHECK(again && *again == opened->lines());
  return 0;
}
