#include "sim/scenario.h"

#include <cmath>

#include "common/base/exact_math.h"
#include "common/base/rng.h"

namespace fedqat {
namespace {

// A small board: one GMAC/s and 1 MB/s. A training step costs three forward passes.
constexpr double kMacsPerMs = 1e6;
constexpr double kPasses = 3;
constexpr double kBytesPerMs = 1e3;
constexpr double kStartMs = 100;  // of a session
constexpr double kSpread = 0.5;   // standard deviation of log2 speed
constexpr std::uint32_t kCheckInSpreadMs = 1000;

// Draws that belong to a client for the whole run use round 0, which does not exist.
Rng stream(std::uint64_t seed, std::uint32_t round, ClientId who) {
  return Rng({seed, round, who, Purpose::kScenario});
}

}  // namespace

Scenario::Scenario(const wire::SimConfig& config, std::uint64_t seed, std::uint64_t macs)
    : dropout_(config.dropout()),
      slow_share_(config.slow_share()),
      slow_factor_(config.slow_factor()),
      seed_(seed),
      ms_per_sample_(kPasses * static_cast<double>(macs) / kMacsPerMs) {}

std::int64_t Scenario::check_in_ms(std::uint32_t round, ClientId who) const {
  return stream(seed_, round, who).below(kCheckInSpreadMs);
}

std::int64_t Scenario::work_ms(ClientId who, std::uint64_t samples, std::uint64_t bytes) const {
  Rng rng = stream(seed_, 0, who);
  double slowness = exact_exp2(kSpread * rng.normal());
  if (rng.uniform_double() < slow_share_) slowness *= slow_factor_;
  const double ms = kStartMs + static_cast<double>(samples) * ms_per_sample_ +
                    static_cast<double>(bytes) / kBytesPerMs;
  return std::llrint(slowness * ms);
}

bool Scenario::drops_out(std::uint32_t round, std::uint32_t attempt, ClientId who) const {
  Rng rng = stream(seed_, round, who);
  rng.next_u32();  // check_in_ms()
  double draw = 0;
  for (std::uint32_t a = 0; a < attempt; ++a) draw = rng.uniform_double();
  return draw < dropout_;
}

}  // namespace fedqat
