#include "common/store/segment.h"

#include <catch2/catch.hpp>
#include <vector>

#include "common/base/fs.h"
#include "tests/support/sim_disk.h"
#include "tests/support/temp_dir.h"

using namespace fedqat;

namespace {

Bytes payload(std::size_t size, unsigned seed) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 7 + seed);
  return bytes;
}

const char* const kPath = "/state/payloads.seg";

}  // namespace

TEST_CASE("segment: records of any size are read back, also by another that opens the file") {
  const TempDir dir;
  std::vector<Location> where;
  const std::vector<std::size_t> sizes = {0, 1, 15, 4096, 100000};
  {
    auto segment = Segment::open(posix_files(), dir.path() / "s", 4096).value();
    for (unsigned i = 0; i < sizes.size(); ++i) {
      where.push_back(segment.append(payload(sizes[i], i)).value());
    }
    REQUIRE(segment.sync());
  }
  auto segment = Segment::open(posix_files(), dir.path() / "s", 4096).value();
  for (unsigned i = 0; i < sizes.size(); ++i) {
    CHECK(segment.read(where[i]).value() == payload(sizes[i], i));
  }
}

TEST_CASE("segment: a changed byte, a wrong place and a place behind the end are noticed") {
  SimDisk disk("sim");
  auto segment = Segment::open(disk, kPath, 4096).value();
  const Location a = segment.append(payload(500, 1)).value();
  const Location b = segment.append(payload(500, 2)).value();
  CHECK(a.end() == b.offset);
  REQUIRE(segment.sync());
  for (std::size_t i = b.offset; i < b.offset + kSegmentHeader + b.length; ++i) {
    disk.content(kPath)[i] ^= std::byte{16};
    CHECK(segment.read(b).error().code == Errc::kCorrupt);
    disk.content(kPath)[i] ^= std::byte{16};
  }
  CHECK(segment.read(b));
  CHECK_FALSE(segment.read({a.offset + 1, a.length, a.crc}));
  CHECK_FALSE(segment.read({a.offset, a.length - 1, a.crc}));
  CHECK_FALSE(segment.read({4000, 500, a.crc}));
  CHECK_FALSE(segment.read({~std::uint64_t{0}, 500, a.crc}));
}

TEST_CASE("segment: space is used again after a reset, and the file does not grow") {
  SimDisk disk("sim");
  auto segment = Segment::open(disk, kPath, 65536).value();
  for (unsigned round = 0; round < 20; ++round) {
    for (unsigned i = 0; i < 10; ++i) {
      const Location at = segment.append(payload(4000, i)).value();
      CHECK(segment.read(at).value() == payload(4000, i));
    }
    REQUIRE(segment.sync());
    segment.reset(0);
  }
  CHECK(disk.content(kPath).size() == 65536);
}

TEST_CASE("segment: what was synced survives a power cut") {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    SimDisk disk("sim");
    std::vector<Location> synced;
    {
      auto segment = Segment::open(disk, kPath, 8192).value();
      for (unsigned i = 0; i < 8; ++i) {
        const Location at = segment.append(payload(3000, i)).value();
        if (i == 6) break;
        REQUIRE(segment.sync());
        synced.push_back(at);
      }
    }
    disk.power_cut(seed);
    auto segment = Segment::open(disk, kPath, 8192).value();
    for (unsigned i = 0; i < synced.size(); ++i) {
      REQUIRE(segment.read(synced[i]).value() == payload(3000, i));
    }
  }
}

TEST_CASE("segment: without space an append fails without harm and works again later") {
  SimDisk disk("sim");
  auto segment = Segment::open(disk, kPath, 8192).value();
  const Location a = segment.append(payload(100, 1)).value();
  disk.fail_write(1, SimDisk::Fault::kNoSpace, 2);
  CHECK(segment.append(payload(100000, 2)).error().code == Errc::kUnavailable);
  CHECK(segment.end() == a.end());
  disk.fail_write(1, SimDisk::Fault::kNoSpace);  // no space for a whole step, but for the record
  const Location b = segment.append(payload(100000, 3)).value();
  CHECK(segment.read(a).value() == payload(100, 1));
  CHECK(segment.read(b).value() == payload(100000, 3));
  CHECK(disk.content(kPath).size() == b.end());
}

TEST_CASE("segment: records are written together, at the sync or when they are many") {
  SimDisk disk("sim");
  auto segment = Segment::open(disk, kPath, 8 << 20).value();
  std::vector<Location> where = {segment.append(payload(5000, 0)).value()};
  const std::uint64_t writes = disk.writes();
  for (unsigned i = 1; i < 10; ++i) where.push_back(segment.append(payload(5000, i)).value());
  CHECK(disk.writes() == writes);
  REQUIRE(segment.sync());
  CHECK(disk.writes() == writes + 1);
  where.push_back(segment.append(payload(3 << 20, 10)).value());
  CHECK(disk.writes() == writes + 4);
  REQUIRE(segment.sync());
  for (unsigned i = 0; i < where.size(); ++i) {
    CHECK(where[i].offset % kDirectAlign == 0);
    CHECK(segment.read(where[i]).value() == payload(where[i].length, i));
  }
}

TEST_CASE("segment: a failed write is final") {
  SimDisk disk("sim");
  auto segment = Segment::open(disk, kPath, 8192).value();
  REQUIRE(segment.append(payload(100, 1)));
  disk.fail_write(1, SimDisk::Fault::kNoSpace);
  CHECK(segment.sync().error().code == Errc::kIo);
  CHECK(segment.broken());
  CHECK_FALSE(segment.sync());
  CHECK_FALSE(segment.append(payload(100, 1)));
}

TEST_CASE("segment: a failed sync is final") {
  for (const bool while_growing : {false, true}) {
    SimDisk disk("sim");
    auto segment = Segment::open(disk, kPath, 8192).value();
    REQUIRE(segment.append(payload(100, 1)));
    disk.fail_sync(1);
    if (while_growing) {
      CHECK_FALSE(segment.append(payload(10000, 1)));
    } else {
      CHECK_FALSE(segment.sync());
    }
    CHECK_FALSE(segment.sync());
    CHECK(segment.append(payload(1, 1)).error().what.find("start again") != std::string::npos);
  }
}
