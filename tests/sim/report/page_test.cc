#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sim/report/compare_report.h"
#include "sim/report/html.h"
#include "sim/report/run_page.h"
#include "sim/report/svg_plot.h"
#include "sim/report/svg_points.h"
#include "tests/support/sample_report.h"

namespace fedqat {
namespace {

using Catch::Contains;

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++n;
  return n;
}

// Every element that is opened is closed, in order; void elements and self-closing ones aside.
void check_balanced(const std::string& html) {
  std::vector<std::string> open;
  for (std::size_t at = html.find('<'); at != html.npos; at = html.find('<', at + 1)) {
    const std::size_t end = html.find('>', at);
    REQUIRE(end != html.npos);
    const bool closing = html[at + 1] == '/';
    const std::size_t name_at = at + (closing ? 2 : 1);
    const std::size_t name_end = html.find_first_of(" >/\n", name_at);
    const std::string name = html.substr(name_at, name_end - name_at);
    if (name == "!doctype" || name == "meta" || html[end - 1] == '/') continue;
    if (closing) {
      REQUIRE_FALSE(open.empty());
      REQUIRE(open.back() == name);
      open.pop_back();
    } else {
      open.push_back(name);
    }
  }
  CHECK(open.empty());
}

const std::string kEvil = "<script>alert('x')</script>\"&\x01";

RunReport evil_report() {
  RunReport r = sample_report();
  r.name = r.model_name = r.data_name = r.partition = r.isa = r.model_sha256 = r.data_sha256 =
      kEvil;
  for (auto& name : r.activation_names) name = kEvil;
  for (auto& name : r.weight_names) name = kEvil;
  for (auto& round : r.rounds) round.phase = kEvil + round.phase;
  return r;
}

TEST_CASE("page: bits of single layers are named") {
  RunReport report = sample_report();
  CHECK_FALSE(run_page(report, nullptr, "").find("mixed") != std::string::npos);
  report.layer_bits = {"conv1=4", "fc1=2:6"};
  CHECK_THAT(run_page(report, nullptr, ""),
             Contains("W8A8, mixed") && Contains("conv1=4, fc1=2:6"));
}

TEST_CASE("html: text becomes text, whatever it holds") {
  CHECK(escape_html("a<b>&\"'") == "a&lt;b&gt;&amp;&quot;&#39;");
  CHECK(escape_html(std::string("\0\x1b\n\t", 4)) == "??\n\t");
}

TEST_CASE("pages: names with markup in them stay text") {
  const RunReport r = evil_report();
  const std::vector<RunReport> two = {r, r};
  CompareReport compare;
  compare.name = compare.isa = compare.model_name = compare.data_name = compare.partition = kEvil;
  compare.rows.resize(1);
  compare.rows[0].technique = kEvil;
  for (const std::string& page : {run_page(r, &r, kEvil), runs_page(two), compare_page(compare)}) {
    CHECK(count(page, "<script") == 0);
    CHECK(count(page, "alert('x')") == 0);
    CHECK(count(page, "\x01") == 0);
    CHECK(count(page, "&lt;script&gt;") > 0);
    check_balanced(page);
  }
}

TEST_CASE("pages: one file, nothing from elsewhere, for light and dark") {
  const RunReport r = sample_report();
  const RunReport twin = sample_report(false);
  const std::string page = run_page(r, &twin, "[run]\nseed = 7\n");
  check_balanced(page);
  for (const char* outside : {"http:", "https:", "<link", "<img", "url(", "@import", "<script"}) {
    CHECK(count(page, outside) == 0);
  }
  CHECK_THAT(page, Contains("prefers-color-scheme:dark"));
  for (const char* part :
       {"Test accuracy", "Loss", "Bytes sent, cumulative", "Activation scales", "Weight scales",
        "Data of the clients", "Recall of each class", "seed = 7", "All rounds", "SHA-256"}) {
    CHECK_THAT(page, Contains(part));
  }
  CHECK(count(page, "<svg class=\"plot\"") == 6);
  CHECK_THAT(page, Contains(">warmup<") && Contains(">quantized<") && Contains(">frozen<"));
}

TEST_CASE("pages: a run without rounds, shares or finite numbers still gives a page") {
  check_balanced(run_page(RunReport{}, nullptr, ""));
  RunReport r = sample_report();
  for (auto& round : r.rounds) {
    round.train_loss = round.test_loss = round.test_accuracy = std::nan("");
    round.activation_log2_scales.assign(4, std::numeric_limits<float>::infinity());
  }
  r.final_accuracy = r.seconds = r.train_samples_per_second = std::nan("");
  r.class_recall.assign(3, std::nan(""));
  r.rounds[0].train_loss = 1e300;
  const std::string page = run_page(r, nullptr, "");
  check_balanced(page);
  CHECK(count(page, "cy=\"nan") + count(page, "cy=\"inf") + count(page, "M nan") == 0);
}

TEST_CASE("plots: long runs do not make heavy pages") {
  LinePlot plot;
  plot.series.push_back({"x", {}, {}, 0, false});
  for (int i = 0; i < 10000; ++i) {
    plot.series[0].x.push_back(i);
    plot.series[0].y.push_back(std::sin(i));
  }
  CHECK(count(svg_lines(plot), "<circle") <= 102);
}

TEST_CASE("compare.json: rows have the keys of format 1, mean and deviation over seeds") {
  CompareReport report;
  report.rows.resize(1);
  CompareRow& row = report.rows[0];
  row.technique = "qat";
  row.weight_bits = row.activation_bits = 4;
  row.accuracies = {0.9, 0.92, 0.94};
  const auto j = nlohmann::json::parse(compare_json(report));
  CHECK(j["format"] == "fedqat.compare/1");
  const auto& r = j["rows"][0];
  for (const char* key : {"technique", "weight_bits", "activation_bits", "model_bytes",
                          "latency_us_batch1", "latency_us_batch32", "bytes_up", "bytes_down"}) {
    CHECK(r.contains(key));
  }
  CHECK(r["test_accuracy_mean"].get<double>() == Approx(0.92));
  CHECK(r["test_accuracy_sd"].get<double>() == Approx(0.02));
  CHECK(r["seeds"] == 3);
  CHECK_THAT(compare_table(report), Contains("qat W4A4") && Contains("92.00 %"));
}

}  // namespace
}  // namespace fedqat
