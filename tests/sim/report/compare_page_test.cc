#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "sim/report/compare_report.h"

namespace fedqat {
namespace {

using Catch::Contains;

CompareReport sample() {
  CompareReport report;
  report.rows.resize(2);
  CompareRow& fp32 = report.rows[0];
  fp32.technique = "fp32";
  fp32.weight_bits = fp32.activation_bits = 32;
  fp32.accuracies = {0.9, 0.94};
  fp32.disagreements = {0, 0};
  fp32.class_recall = {1, 0.84};
  fp32.bytes_up = 3000;
  fp32.bytes_down = 5000;
  fp32.rounds = 10;
  CompareRow& qat = report.rows[1];
  qat = fp32;
  qat.technique = "qat";
  qat.name = "coarse";
  qat.disagreements = {0.02, 0.04};
  qat.class_recall = {0.9, 0.25};
  qat.bytes_up = qat.bytes_down = 1000;
  return report;
}

TEST_CASE("compare.json: recall, disagreement, and bytes a round and against fp32") {
  const auto rows = nlohmann::json::parse(compare_json(sample()))["rows"];
  CHECK(rows[0]["name"] == "fp32");
  CHECK(rows[0]["bytes_ratio_to_fp32"] == 1.0);
  const auto& r = rows[1];
  CHECK(r["name"] == "coarse");
  CHECK(r["technique"] == "qat");
  CHECK(r["bytes_ratio_to_fp32"].get<double>() == Approx(0.25));
  CHECK(r["bytes_up_per_round"].get<double>() == Approx(100));
  CHECK(r["bytes_down_per_round"].get<double>() == Approx(100));
  CHECK(r["disagreement_mean"].get<double>() == Approx(0.03));
  CHECK(r["disagreement_sd"].get<double>() == Approx(0.01414).epsilon(1e-3));
  CHECK(r["class_recall"] == std::vector<double>{0.9, 0.25});
}

TEST_CASE("compare.json: without a row in fp32 nothing is said against it") {
  CompareReport report = sample();
  report.rows.erase(report.rows.begin());
  report.rows[0].disagreements.clear();
  const auto r = nlohmann::json::parse(compare_json(report))["rows"][0];
  CHECK(r["bytes_ratio_to_fp32"].is_null());
  CHECK(r["disagreement_mean"].is_null());
  CHECK_THAT(compare_page(report), Contains("no row in fp32"));
}

TEST_CASE("compare.html: table, three plots with a front, recall as a heat map") {
  const std::string page = compare_page(sample());
  std::size_t plots = 0;
  for (std::size_t at = page.find("class=\"front\""); at != page.npos; ++plots) {
    at = page.find("class=\"front\"", at + 1);
  }
  CHECK(plots == 3);
  for (const char* part :
       {"Accuracy and bytes sent", "Accuracy and size of the model", "Accuracy and latency",
        "Recall of each class", "25.0 %", "3.00 %", "rgba(239,125,34,0.600)\">25.0<"}) {
    CHECK_THAT(page, Contains(part));
  }
}

}  // namespace
}  // namespace fedqat
