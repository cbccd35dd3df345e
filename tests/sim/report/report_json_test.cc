#include "sim/report/report_json.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <nlohmann/json.hpp>

#include "sim/report/metrics_csv.h"
#include "tests/support/sample_report.h"
#include "tests/support/temp_dir.h"

namespace fedqat {
namespace {

using Json = nlohmann::json;

TEST_CASE("report.json: every key of format 1 is there") {
  const Json j = Json::parse(report_json(sample_report()));
  CHECK(j["format"] == "fedqat.report/1");
  for (const char* key : {"seed", "isa", "threads", "model", "data", "rounds", "final"}) {
    CHECK(j.contains(key));
  }
  for (const char* key : {"name", "parameters", "macs_per_sample", "weight_bits", "activation_bits",
                          "bytes_fp32", "bytes_packed", "sha256"}) {
    CHECK(j["model"].contains(key));
  }
  for (const char* key :
       {"name", "train_samples", "test_samples", "classes", "clients", "partition"}) {
    CHECK(j["data"].contains(key));
  }
  for (const char* key : {"round", "clients_sampled", "clients_aggregated", "clients_tasked",
                          "updates_refused", "attempts", "train_loss", "test_accuracy", "test_loss",
                          "bytes_up", "bytes_down", "seconds"}) {
    CHECK(j["rounds"][0].contains(key));
  }
  for (const char* key : {"test_accuracy", "test_loss", "seconds", "train_samples_per_second",
                          "peak_rss_bytes", "bytes_up", "bytes_down"}) {
    CHECK(j["final"].contains(key));
  }
  CHECK(j["rounds"].size() == 30);
  CHECK(j["rounds"][2]["test_accuracy"].is_null());  // round 3 was not evaluated
  CHECK(j["rounds"][3]["test_accuracy"].is_number());
}

TEST_CASE("report.json: what is written is read back to the same text") {
  RunReport report = sample_report();
  report.rounds[5].train_loss = std::nan("");
  report.seed = 18446744073709551615ULL;
  report.layer_bits = {"conv1=4", "fc1=2:6"};
  const std::string text = report_json(report);
  const auto back = parse_report(text, "report.json");
  REQUIRE(back);
  CHECK(report_json(*back) == text);
}

TEST_CASE("report.json: who took part is kept; reports from before it was are still read") {
  RunReport report = sample_report();
  report.rounds[2].clients_tasked = 9;
  report.rounds[2].updates_refused = 4;
  report.rounds[2].attempts = 3;
  const auto back = parse_report(report_json(report), "report.json");
  REQUIRE(back);
  CHECK(back->rounds[2].clients_tasked == 9);
  CHECK(back->rounds[2].updates_refused == 4);
  CHECK(back->rounds[2].attempts == 3);
  Json j = Json::parse(report_json(report));
  for (const char* key : {"clients_tasked", "updates_refused", "attempts"}) {
    j["rounds"][2].erase(key);
  }
  const auto old = parse_report(j.dump(), "report.json");
  REQUIRE(old);
  CHECK(old->rounds[2].attempts == 1);
}

TEST_CASE("report.json: names that are not UTF-8 do not stop the writing") {
  RunReport report = sample_report();
  report.name = "caf\xe9";
  CHECK(Json::parse(report_json(report))["name"] == "caf\xef\xbf\xbd");
}

std::string refusal(const std::string& text) {
  const auto report = parse_report(text, "runs/a/report.json");
  REQUIRE_FALSE(report);
  CHECK(report.error().code == Errc::kCorrupt);
  return report.error().what;
}

TEST_CASE("report.json: a damaged file is refused with the place and what to do") {
  using Catch::Contains;
  const std::string good = report_json(sample_report());
  CHECK_THAT(refusal("{\n \"format\": }"), Contains("runs/a/report.json:2:12: not valid JSON"));
  CHECK_THAT(refusal(""), Contains("runs/a/report.json:1:1") && Contains("run the command"));
  CHECK_THAT(refusal("[]"), Contains("the document is not an object"));
  Json j = Json::parse(good);
  j["format"] = "fedqat.compare/1";
  CHECK_THAT(refusal(j.dump()), Contains("'fedqat.compare/1'") && Contains("'fedqat.report/1'"));
  j = Json::parse(good);
  j["rounds"][3].erase("bytes_up");
  CHECK_THAT(refusal(j.dump()), Contains("rounds[3].bytes_up is missing"));
  j = Json::parse(good);
  j["model"]["parameters"] = -4;
  CHECK_THAT(refusal(j.dump()), Contains("model.parameters is not a whole number"));
  j = Json::parse(good);
  j["data"]["shares"][1]["per_class"][2] = 1e10;
  CHECK_THAT(refusal(j.dump()), Contains("data.shares[1].per_class[2] is not a whole number"));
  j = Json::parse(good);
  j["threads"] = 5000000000ULL;
  CHECK_THAT(refusal(j.dump()), Contains("threads is greater than 2147483647"));
  j = Json::parse(good);
  j["rounds"][0]["weight_log2_scales"] = std::vector<double>(9, 1.0);
  CHECK_THAT(refusal(j.dump()), Contains("rounds[0] has more scales"));
}

TEST_CASE("report.json: no cut of the file is taken for a report") {
  const std::string good = report_json(sample_report());
  for (std::size_t n = 0; n + 2 < good.size(); n += 97) {
    CHECK_FALSE(parse_report(good.substr(0, n), "x"));
  }
  CHECK_FALSE(parse_report(std::string(200000, '['), "x"));
}

TEST_CASE("report.json: it is found in a run's folder, and its absence says what to give") {
  const TempDir dir;
  const auto fs = make_posix_fs();
  const auto missing = load_report(*fs, dir.path());
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == Errc::kNotFound);
  CHECK_THAT(missing.error().what, Catch::Contains("give the folder of a run"));
  REQUIRE(fs->write_atomic(dir.path() / "report.json", as_bytes(report_json(sample_report()))));
  CHECK(load_report(*fs, dir.path()));
  CHECK(load_report(*fs, dir.path() / "report.json"));
}

TEST_CASE("metrics.csv: a header, a line for each round, the same number of fields everywhere") {
  RunReport report = sample_report();
  report.rounds[1].train_loss = std::nan("");
  const std::string csv = metrics_csv(report);
  CHECK(csv.rfind("round,phase,clients_sampled,", 0) == 0);
  std::size_t lines = 0;
  for (std::size_t at = 0; at < csv.size(); ++lines) {
    const std::size_t end = csv.find('\n', at);
    REQUIRE(end != csv.npos);
    CHECK(std::count(csv.begin() + static_cast<std::ptrdiff_t>(at),
                     csv.begin() + static_cast<std::ptrdiff_t>(end), ',') == 15);
    at = end + 1;
  }
  CHECK(lines == 31);
  CHECK(csv.find(",clients_tasked,updates_refused,attempts,updates_stale\n") !=
        csv.npos);  // added at the end
  CHECK(csv.find("\n2,warmup,10,10,,") != csv.npos);
  CHECK(csv.find("nan") == csv.npos);
}

}  // namespace
}  // namespace fedqat
