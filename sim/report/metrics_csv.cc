#include "sim/report/metrics_csv.h"

#include <array>
#include <cmath>

#include "common/base/decimal.h"

namespace fedqat {
namespace {

std::string field(double x) { return std::isfinite(x) ? decimal(x) : ""; }

}  // namespace

std::string metrics_csv(const RunReport& report) {
  std::string csv =
      "round,phase,clients_sampled,clients_aggregated,train_loss,test_accuracy,test_loss,bytes_up,"
      "bytes_down,seconds,virtual_seconds,clipped_share,clients_tasked,updates_refused,attempts,"
      "updates_stale\n";
  for (const RoundReport& r : report.rounds) {
    const std::array<std::string, 16> fields = {std::to_string(r.round),
                                                r.phase,
                                                std::to_string(r.clients_sampled),
                                                std::to_string(r.clients_aggregated),
                                                field(r.train_loss),
                                                r.evaluated ? field(r.test_accuracy) : "",
                                                r.evaluated ? field(r.test_loss) : "",
                                                std::to_string(r.bytes_up),
                                                std::to_string(r.bytes_down),
                                                field(r.seconds),
                                                field(r.virtual_seconds),
                                                field(r.clipped_share),
                                                std::to_string(r.clients_tasked),
                                                std::to_string(r.updates_refused),
                                                std::to_string(r.attempts),
                                                std::to_string(r.updates_stale)};
    for (const std::string& field : fields) {
      csv += field;
      csv += &field == &fields.back() ? '\n' : ',';
    }
  }
  return csv;
}

}  // namespace fedqat
