#include "coordinator/serve/metrics.h"

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "common/base/isa.h"

namespace fedqat {
namespace {

class Page {
 public:
  void family(const char* name, const char* type, const char* help) {
    name_ = name;
    out_ << "# HELP " << name << ' ' << help << "\n# TYPE " << name << ' ' << type << '\n';
  }
  template <class T>
  void sample(T value, const std::string& labels = "", const char* suffix = "") {
    out_ << name_ << suffix;
    if (!labels.empty()) out_ << '{' << labels << '}';
    out_ << ' ' << value << '\n';
  }
  template <class T>
  void single(const char* name, const char* type, const char* help, T value) {
    family(name, type, help);
    sample(value);
  }
  std::string text() const { return out_.str(); }

 private:
  std::string name_;
  std::ostringstream out_;
};

std::string label(const char* key, std::string_view value) {
  return std::string(key) + "=\"" + std::string(value) + '"';
}

std::uint64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t total = 0, resident = 0;
  statm >> total >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::size_t open_files() {
  std::error_code none;
  std::size_t n = 0;
  for (auto i = std::filesystem::directory_iterator("/proc/self/fd", none);
       !none && i != std::filesystem::directory_iterator(); i.increment(none)) {
    ++n;
  }
  return n;
}

bool is_gauge(std::string_view field) { return field.ends_with("_now"); }

void put_transport(Page& page, const ServerStats& devices, const ServerStats& enrolment) {
  for (const ServerStatsField& f : server_stats_fields()) {
    const bool gauge = is_gauge(f.name);
    const std::string name = "fedqat_transport_" +
                             std::string(gauge ? f.name.substr(0, f.name.size() - 4) : f.name) +
                             (gauge ? "" : "_total");
    page.family(name.c_str(), gauge ? "gauge" : "counter", "Of the TLS listeners.");
    page.sample(devices.*f.field, label("listener", "devices"));
    page.sample(enrolment.*f.field, label("listener", "enrolment"));
  }
}

}  // namespace

void Metrics::count_update(bool accepted, RefusalCode code) {
  const std::scoped_lock lock(mutex_);
  if (accepted) {
    ++accepted_;
  } else {
    ++refused_[code];
  }
}

void Metrics::count_round(double seconds) {
  const std::scoped_lock lock(mutex_);
  ++rounds_;
  round_seconds_ += seconds;
}

void Metrics::count_sync(double seconds, std::size_t replies) {
  const std::scoped_lock lock(mutex_);
  ++syncs_;
  sync_seconds_ += seconds;
  synced_replies_ += replies;
  for (std::size_t i = 0; i < kSyncBuckets.size(); ++i) {
    if (seconds <= kSyncBuckets[i]) ++sync_buckets_[i];
  }
}

void Metrics::set_run(const RunGauges& gauges) {
  const std::scoped_lock lock(mutex_);
  run_ = gauges;
}

std::string Metrics::render(const ServerStats& devices, const ServerStats& enrolment) const {
  const std::scoped_lock lock(mutex_);
  Page page;
  page.family("fedqat_build_info", "gauge", "Always 1; the build is in the labels.");
  page.sample(1, label("version", FEDQAT_VERSION) + "," + label("isa", isa_name(best_isa())));
  page.single("fedqat_rounds_done", "gauge", "Rounds of the run that are closed.",
              run_.rounds_done);
  page.single("fedqat_rounds_planned", "gauge", "Rounds of the run in all.", run_.rounds);
  page.single("fedqat_round_updates_wanted", "gauge", "Updates that end the open round.",
              run_.still_wanted);
  page.single("fedqat_train_loss", "gauge", "Mean loss of the last round.", run_.train_loss);
  page.family("fedqat_devices", "gauge", "Devices by state; absent ones are not counted on.");
  page.sample(run_.devices, label("state", "enrolled"));
  page.sample(run_.devices_revoked, label("state", "revoked"));
  page.sample(run_.devices_absent, label("state", "absent"));
  page.single("fedqat_updates_accepted_total", "counter", "Updates counted, durable.", accepted_);
  page.family("fedqat_updates_refused_total", "counter", "Updates refused, by reason.");
  for (const auto& [code, n] : refused_) page.sample(n, label("reason", refusal_name(code)));
  page.family("fedqat_round_duration_seconds", "summary", "From opening to closing.");
  page.sample(round_seconds_, "", "_sum");
  page.sample(rounds_, "", "_count");
  page.family("fedqat_journal_sync_seconds", "histogram", "Group commits of the journal.");
  for (std::size_t i = 0; i < kSyncBuckets.size(); ++i) {
    std::ostringstream bound;
    bound << kSyncBuckets[i];
    page.sample(sync_buckets_[i], label("le", bound.str()), "_bucket");
  }
  page.sample(syncs_, label("le", "+Inf"), "_bucket");
  page.sample(sync_seconds_, "", "_sum");
  page.sample(syncs_, "", "_count");
  page.single("fedqat_journal_synced_replies_total", "counter",
              "Replies that waited for a group commit.", synced_replies_);
  put_transport(page, devices, enrolment);
  page.single("process_resident_memory_bytes", "gauge", "Resident memory.", resident_bytes());
  page.single("process_open_fds", "gauge", "Open file descriptors.", open_files());
  return page.text();
}

}  // namespace fedqat
