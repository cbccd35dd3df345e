#include "client/device/duty.h"

#include <catch2/catch.hpp>

#include "tests/support/temp_dir.h"

using namespace fedqat;

TEST_CASE("duty: hours are read as people write them, and nonsense is refused") {
  CHECK(*parse_duty_hours("") == DutyHours{0, 0});
  CHECK(*parse_duty_hours("22-6") == DutyHours{22 * 60, 6 * 60});
  CHECK(*parse_duty_hours("1:30-5") == DutyHours{90, 300});
  CHECK(*parse_duty_hours("18-24") == DutyHours{18 * 60, 0});
  for (const char* text : {"22", "22-", "-6", "25-6", "1:60-5", "a-b", "1-2-3", " 1-2", "+1-2"}) {
    INFO(text);
    CHECK(parse_duty_hours(text).error().code == Errc::kInvalid);
  }
}

TEST_CASE("duty: it is off duty until the hours begin, also over midnight") {
  const DutyHours night{22 * 60, 6 * 60}, day{9 * 60, 17 * 60};
  CHECK(minutes_off_duty(night, 23 * 60) == 0);
  CHECK(minutes_off_duty(night, 0) == 0);
  CHECK(minutes_off_duty(night, 6 * 60 - 1) == 0);
  CHECK(minutes_off_duty(night, 6 * 60) == 16 * 60);
  CHECK(minutes_off_duty(day, 17 * 60) == 16 * 60);
  CHECK(minutes_off_duty(day, 8 * 60) == 60);
  CHECK(minutes_off_duty(day, 9 * 60) == 0);
  for (int m = 0; m < 24 * 60; ++m) REQUIRE(minutes_off_duty({}, m) == 0);
}

TEST_CASE("duty: only exit code 0 in time is free; whatever the command does, the device lives") {
  CHECK(command_succeeds("true", 5000));
  CHECK(command_succeeds("test 1 -lt 2 && exit 0", 5000));
  CHECK_FALSE(command_succeeds("false", 5000));
  CHECK_FALSE(command_succeeds("exit 3", 5000));
  CHECK_FALSE(command_succeeds("no-such-command-anywhere 2>/dev/null", 5000));
  CHECK_FALSE(command_succeeds("kill -SEGV $$", 5000));
  CHECK_FALSE(command_succeeds("sleep 60", 100));
}

TEST_CASE("duty: the answer of the command holds for a while") {
  const TempDir dir;
  const std::string file = (dir.path() / "asked").string();
  VirtualClock clock;
  Duty duty({}, "echo x >>" + file + "; test $(wc -l <" + file + ") -ge 2", 30000, clock);
  CHECK(duty.off_duty_ms(0) == 30000);
  clock.advance_to(10000);
  CHECK(duty.off_duty_ms(0) == 20000);
  clock.advance_to(30000);
  CHECK(duty.off_duty_ms(0) == 0);
  clock.advance_to(59000);
  CHECK(duty.off_duty_ms(0) == 0);
}
