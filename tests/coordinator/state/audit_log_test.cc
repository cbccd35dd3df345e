#include "coordinator/state/audit_log.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "common/base/fs.h"
#include "common/base/rng.h"
#include "tests/support/sim_disk.h"
#include "tests/support/temp_dir.h"

using namespace fedqat;

namespace {

const char* const kPath = "/state/audit.jsonl";
const char* const kHead = "/state/audit.jsonl.head";
constexpr int kLines = 6;

Result<AuditLog> open_on(SimDisk& disk) { return AuditLog::open(kPath, 1700000000, &disk); }

void fill(AuditLog& log, int lines) {
  for (int i = 0; i < lines; ++i) {
    REQUIRE(log.append(1700000000 + i, "ack", {{"device", "phone-7"}, {"round", i}}));
  }
  REQUIRE(log.sync());
}

std::string text_of(SimDisk& disk) { return std::string(as_text(disk.content(kPath))); }
void set_text(SimDisk& disk, std::string_view text) {
  disk.content(kPath).assign(as_bytes(text).begin(), as_bytes(text).end());
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at) + 1;
    lines.push_back(text.substr(at, end - at));
    at = end;
  }
  return lines;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line;
  return text;
}

// Neither verified nor opened, and the error names line `line` (from 0).
void expect_refused(SimDisk& disk, const std::string& text, std::size_t line) {
  INFO("line " << line << " of\n" << text);
  const std::string name = "line " + std::to_string(line + 1) + ":";
  set_text(disk, text);
  const auto verified = AuditLog::verify(kPath, &disk);
  REQUIRE_FALSE(verified);
  CHECK(verified.error().code == Errc::kCorrupt);
  CHECK_THAT(verified.error().what, Catch::Contains(name));
  const auto opened = open_on(disk);
  REQUIRE_FALSE(opened);
  CHECK_THAT(opened.error().what, Catch::Contains(name));
  CHECK(text_of(disk) == text);
}

}  // namespace

TEST_CASE("audit: lines are JSON with a number, a time and the hash of the line before") {
  SimDisk disk("sim");
  auto log = open_on(disk).value();
  REQUIRE(log.append(0, "enrol", {{"name", "a\"\\\n\x7f\xff\xc3\xa9"}, {"n", -5}}));
  REQUIRE(log.append(86399, "revoke", {}));
  REQUIRE(log.sync());
  const auto lines = lines_of(text_of(disk));
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].substr(0, lines[0].find(",\"sha256\"")) ==
        "{\"seq\":1,\"time\":\"1970-01-01T00:00:00Z\",\"event\":\"enrol\","
        "\"name\":\"a\\\"\\\\\\u000a\\u007f\xEF\xBF\xBD\xc3\xa9\",\"n\":-5,\"prev\":\"" +
            std::string(64, '0') + "\"");
  CHECK_THAT(lines[1], Catch::Contains("\"time\":\"1970-01-01T23:59:59Z\""));
  CHECK(log.lines() == 2);
  CHECK_THAT(lines[1], Catch::Contains(log.last_hash()));
  CHECK(AuditLog::verify(kPath, &disk).value() == 2);
}

TEST_CASE("audit: a log is continued by the next process") {
  const TempDir dir;
  const auto path = dir.path() / "audit.jsonl";
  for (int i = 1; i <= 3; ++i) {
    auto log = AuditLog::open(path, 0).value();
    REQUIRE(log.append(i, "start", {}));
    REQUIRE(log.sync());
    CHECK(AuditLog::verify(path).value() == static_cast<std::uint64_t>(i));
  }
  CHECK(AuditLog::verify(dir.path() / "none").error().code == Errc::kNotFound);
}

TEST_CASE("audit: whichever line is edited, deleted, swapped, doubled or cut, it is named") {
  SimDisk disk("sim");
  {
    auto log = open_on(disk).value();
    fill(log, kLines);
  }
  const std::string whole = text_of(disk);
  const auto lines = lines_of(whole);
  REQUIRE(lines.size() == kLines);
  for (std::size_t i = 0; i < kLines; ++i) {
    for (std::size_t at = 0; at + 1 < lines[i].size(); at += 3) {
      auto edited = lines;
      edited[i][at] = edited[i][at] == 'x' ? 'y' : 'x';
      expect_refused(disk, joined(edited), i);
    }
    auto deleted = lines;
    deleted.erase(deleted.begin() + static_cast<std::ptrdiff_t>(i));
    expect_refused(disk, joined(deleted), i);
    auto doubled = lines;
    doubled.insert(doubled.begin() + static_cast<std::ptrdiff_t>(i), lines[i]);
    if (i + 1 < kLines) expect_refused(disk, joined(doubled), i + 1);
    for (std::size_t k = i + 1; k < kLines; ++k) {
      auto swapped = lines;
      std::swap(swapped[i], swapped[k]);
      expect_refused(disk, joined(swapped), i);
    }
    const std::string before = joined({lines.begin(), lines.begin() + static_cast<int>(i)});
    expect_refused(disk, before, i);
    for (std::size_t n = 1; n < lines[i].size(); n += 5) {
      expect_refused(disk, before + lines[i].substr(0, n), i);
    }
  }
  set_text(disk, whole + lines.back());
  CHECK_THAT(AuditLog::verify(kPath, &disk).error().what, Catch::Contains("line 7:"));
  set_text(disk, whole);
  CHECK(AuditLog::verify(kPath, &disk).value() == kLines);
}

TEST_CASE("audit: another valid log in its place is noticed, and a missing or damaged head") {
  SimDisk disk("sim");
  {
    auto log = open_on(disk).value();
    fill(log, kLines);
  }
  const Bytes head = disk.content(kHead);
  const std::string text = text_of(disk);
  {
    SimDisk other("sim2");
    auto log = AuditLog::open(kPath, 0, &other).value();
    for (int i = 0; i < kLines + 2; ++i) REQUIRE(log.append(i, "forged", {}));
    REQUIRE(log.sync());
    set_text(disk, text_of(other));
  }
  CHECK_THAT(AuditLog::verify(kPath, &disk).error().what,
             Catch::Contains("line 6: is not the one"));
  CHECK_FALSE(open_on(disk));
  set_text(disk, text);
  for (const std::size_t at : {25, 4096 + 25}) disk.content(kHead)[at] ^= std::byte{1};
  CHECK_THAT(open_on(disk).error().what, Catch::Contains("damaged"));
  disk.content(kHead).clear();
  CHECK_THAT(open_on(disk).error().what, Catch::Contains("missing"));
  set_text(disk, text.substr(0, text.find('\n') + 1));  // whole and in order, but not all of them
  const auto verified = AuditLog::verify(kPath, &disk);
  REQUIRE_FALSE(verified);
  CHECK_THAT(verified.error().what, Catch::Contains("missing"));
  set_text(disk, text);
  disk.content(kHead) = head;
  CHECK(open_on(disk));
}

TEST_CASE("audit: an unsynced line that is not whole is cut off, and a line says so") {
  SimDisk disk("sim");
  {
    auto log = open_on(disk).value();
    fill(log, 2);
  }
  const std::string whole = text_of(disk);
  set_text(disk, whole + "{\"seq\":3,\"time\"");
  CHECK(AuditLog::verify(kPath, &disk).value() == 2);  // a server may be writing it
  {
    const auto log = open_on(disk).value();
    CHECK(log.lines() == 3);
  }
  CHECK_THAT(lines_of(text_of(disk))[2],
             Catch::Contains("\"event\":\"audit_repaired\",\"cut_bytes\":15,"));
  CHECK(AuditLog::verify(kPath, &disk).value() == 3);
}

TEST_CASE("audit: synced lines survive crashes and power cuts, and the log goes on") {
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    INFO("seed " << seed);
    SimDisk disk("sim");
    Rng rng({.seed = seed});
    std::vector<std::string> synced;
    for (int process = 0; process < 4; ++process) {
      disk.heal();
      if (rng.below(2) == 0) disk.crash_at(1 + rng.below(30));
      if (rng.below(4) == 0) disk.fail_write(1 + rng.below(20), SimDisk::Fault::kNoSpace);
      if (rng.below(8) == 0) disk.fail_sync(1 + rng.below(20));
      auto log = open_on(disk);
      if (!log) REQUIRE(log.error().code != Errc::kCorrupt);
      for (std::uint32_t i = log ? rng.below(20) : 0; i > 0; --i) {
        const std::string name(rng.below(400), 'n');
        if (!log->append(1, "e", {{"name", std::string_view(name)}})) break;
        if (rng.below(3) != 0) continue;
        if (log->sync()) synced = lines_of(text_of(disk));
      }
      if (rng.below(2) == 0) {
        disk.crash();
      } else {
        disk.power_cut(rng.next_u64());
      }
      disk.heal();
      const auto reopened = open_on(disk);
      if (!reopened) FAIL(reopened.error().what);
      const auto lines = lines_of(text_of(disk));
      REQUIRE(lines.size() >= synced.size());
      REQUIRE(std::equal(synced.begin(), synced.end(), lines.begin()));
      REQUIRE(AuditLog::verify(kPath, &disk).value() == lines.size());
      synced = lines;
    }
  }
}

TEST_CASE("audit: a sync without space may be tried again, a failed one is final") {
  SimDisk disk("sim");
  auto log = open_on(disk).value();
  REQUIRE(log.append(1, "a", {}));
  disk.fail_write(1, SimDisk::Fault::kNoSpace);
  CHECK(log.sync().error().code == Errc::kUnavailable);
  REQUIRE(log.append(1, "b", {}));
  REQUIRE(log.sync());
  CHECK(AuditLog::verify(kPath, &disk).value() == 2);
  REQUIRE(log.append(1, "c", {}));
  disk.fail_sync(1);
  CHECK_FALSE(log.sync());
  CHECK_FALSE(log.sync());
  CHECK_FALSE(log.append(1, "d", {}));
}
