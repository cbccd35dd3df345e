#include "sim/cli/run_dir.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "sim/report/report_json.h"
#include "tests/support/sample_report.h"
#include "tests/support/temp_dir.h"

namespace fedqat {
namespace {

TEST_CASE("run folder: the default name is harmless whatever the run is called") {
  CHECK(default_dir("fedqat-run", "digits", 7) == "fedqat-run-digits-7");
  CHECK(default_dir("fedqat-run", "../a b/c", 1) == "fedqat-run--.-a-b-c-1");
}

TEST_CASE("run folder: one that holds other files is refused and left alone") {
  const TempDir dir;
  const auto fs = make_posix_fs();
  REQUIRE(fs->write_atomic(dir.path() / "thesis.txt", as_bytes("precious")));
  const auto r = claim_dir(*fs, dir.path());
  REQUIRE_FALSE(r);
  CHECK(r.error().code == Errc::kInvalid);
  CHECK_THAT(r.error().what, Catch::Contains("--out"));
  CHECK_FALSE(fs->exists(dir.path() / "manifest.json"));
  CHECK_FALSE(claim_dir(*fs, dir.path() / "thesis.txt"));
}

TEST_CASE("run folder: a manifest.json of another program does not make it ours") {
  const TempDir dir;
  const auto fs = make_posix_fs();
  for (const char* text :
       {"{\"manifest_version\": 3}", "{\"format\": 1}", "[]", "\"x\"", "{", ""}) {
    REQUIRE(fs->write_atomic(dir.path() / "manifest.json", as_bytes(text)));
    const auto r = claim_dir(*fs, dir.path());
    REQUIRE_FALSE(r);
    CHECK(r.error().code == Errc::kInvalid);
    CHECK(as_text(*fs->read(dir.path() / "manifest.json")) == text);
  }
}

TEST_CASE("run folder: it holds the six files of a run, and can be written again") {
  const TempDir dir;
  const auto fs = make_posix_fs();
  const auto out = dir.path() / "new" / "run";
  const RunReport report = sample_report();
  for (int i = 0; i < 2; ++i) {
    REQUIRE(claim_dir(*fs, out));
    const RunFiles files{.report = &report,
                         .config_toml = "[run]\n",
                         .model_file = as_bytes("model"),
                         .interrupted = i == 0};
    REQUIRE(write_run(*fs, out, files));
    const auto manifest = fs->read(out / "manifest.json");
    REQUIRE(manifest);
    const auto j = nlohmann::json::parse(as_text(*manifest));
    CHECK(j["status"] == (i == 0 ? "interrupted" : "finished"));
    CHECK(j["seed"] == 7);
    CHECK(j["model_sha256"] == report.model_sha256);
    CHECK(j["data"]["sha256"] == report.data_sha256);
    CHECK(j["config_sha256"].get<std::string>().size() == 64);
    for (const char* key : {"version", "isa", "compiler", "threads"}) CHECK(j.contains(key));
  }
  for (const char* name : {"config.toml", "metrics.csv", "report.json", "report.html",
                           "model.fedqat", "manifest.json"}) {
    CHECK(fs->exists(out / name));
  }
  CHECK(load_report(*fs, out));
}

TEST_CASE("run folder: a run that failed says so, and why") {
  const TempDir dir;
  const auto fs = make_posix_fs();
  REQUIRE(claim_dir(*fs, dir.path()));
  CHECK(fail_run(*fs, dir.path(), {Errc::kUnavailable, "no quorum"}) == 1);
  const auto bytes = fs->read(dir.path() / "manifest.json");
  REQUIRE(bytes);
  const auto j = nlohmann::json::parse(as_text(*bytes));
  CHECK(j["status"] == "failed");
  CHECK(j["why"] == "no quorum");
  CHECK(claim_dir(*fs, dir.path()));
}

TEST_CASE("run folder: what an earlier run left is removed, what others put there is not") {
  const TempDir dir;
  const auto fs = make_posix_fs();
  const RunReport report = sample_report();
  const RunFiles files{.report = &report, .config_toml = "[run]\n", .model_file = as_bytes("m")};
  REQUIRE(claim_dir(*fs, dir.path()));
  REQUIRE(write_run(*fs, dir.path(), files));
  REQUIRE(write_run(*fs, dir.path() / "fp32", files));
  REQUIRE(fs->write_atomic(dir.path() / "compare.html", as_bytes("x")));
  REQUIRE(fs->write_atomic(dir.path() / "notes.txt", as_bytes("mine")));
  REQUIRE(claim_dir(*fs, dir.path()));
  for (const char* name :
       {"metrics.csv", "report.json", "report.html", "model.fedqat", "compare.html", "fp32"}) {
    INFO(name);
    CHECK_FALSE(fs->exists(dir.path() / name));
  }
  for (const char* name : {"config.toml", "manifest.json", "notes.txt"}) {
    CHECK(fs->exists(dir.path() / name));
  }
  REQUIRE(write_run(*fs, dir.path() / "fp32", files));
  REQUIRE(fs->write_atomic(dir.path() / "fp32" / "notes.txt", as_bytes("mine")));
  REQUIRE(claim_dir(*fs, dir.path()));
  CHECK(fs->exists(dir.path() / "fp32" / "notes.txt"));
  CHECK_FALSE(fs->exists(dir.path() / "fp32" / "report.json"));
}

}  // namespace
}  // namespace fedqat
