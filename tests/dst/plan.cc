#include "tests/dst/plan.h"

#include "common/base/check.h"
#include "common/base/rng.h"
#include "common/wire/model_config.h"

namespace fedqat::dst {
namespace {

constexpr int kHuge = 150;
constexpr std::uint64_t kRunSeeds = 8;  // few, so that undisturbed runs can be kept

// Pixels a side of the input, and with them the sizes of updates: in the database, in the segment,
// in several chunks.
int side_of(Rng& rng, bool large) {
  const std::uint32_t lot = rng.below(64);
  if (lot == 0) return kHuge;
  return large || lot < 8 ? 76 : 4;
}

}  // namespace

Plan make_plan(std::uint64_t seed, const Options& options) {
  Rng rng({.seed = seed, .client = 1});
  Plan plan;
  plan.seed = seed;
  plan.mode = options.mode;
  const bool wants_model = rng.below(3) == 0;
  if (plan.mode == Mode::kMixed) plan.mode = wants_model ? Mode::kModel : Mode::kOneHot;
  const bool all = plan.mode == Mode::kModel;
  const bool aimed = !options.failpoint.empty();

  plan.clients = 3 + rng.below(6);
  const int side = plan.side = side_of(rng, aimed);
  if (side == kHuge) plan.clients = 3;
  wire::Config& c = plan.config;
  c.mutable_run()->set_seed(rng.below(kRunSeeds));
  c.mutable_run()->set_rounds(side == kHuge ? 3 : 3 + rng.below(4));
  c.mutable_model()->set_name("softmax");
  c.mutable_quant()->set_warmup_rounds(2);
  c.mutable_quant()->set_calibration_samples(4);
  c.mutable_codec()->set_uplink_bits(side > 4 || rng.below(4) == 0 ? 32 : 8);
  // Devices 0, 1 and the last may be out: a run needs others.
  const std::uint32_t goal = all ? plan.clients : 2 + rng.below(plan.clients - 1);
  c.mutable_round()->set_clients(goal);
  c.mutable_round()->set_quorum(all ? 1 : 0.5);
  c.mutable_round()->set_over_selection(all || rng.below(2) == 0 ? 1 : 1.4);
  c.mutable_round()->set_deadline_s(all ? 60 : 8);
  if (!all && rng.below(3) == 0) {
    c.mutable_round()->set_max_staleness(1 + rng.below(3));
    c.mutable_round()->set_over_selection(1 + rng.uniform_double());
  }
  const char* strategies[] = {"fedavg", "fedavgm", "fedadam"};
  if (all) c.mutable_server()->set_strategy(strategies[rng.below(3)]);
  // What a step leaves out would hide what an update put in.
  if (all && Rng({.seed = seed, .client = 2}).below(2) == 0) {
    c.mutable_codec()->set_downlink("difference");
    c.mutable_codec()->set_downlink_bits(2);
  }
  // Where a device forgets what its updates left out, or counts it twice, the model is another one.
  if (all && side != kHuge && Rng({.seed = seed, .client = 3}).below(3) == 0) {
    c.mutable_codec()->set_uplink("top-k");
    c.mutable_codec()->set_uplink_bits(4);
    c.mutable_codec()->set_uplink_share(0.2);
  }
  auto network = network_from_config(c, {side, side, 1}, side == kHuge ? 10 : 3, {1.0F / 255, 0});
  FEDQAT_CHECK(network);
  plan.network = std::move(*network);

  plan.signs = aimed || rng.below(4) == 0;
  plan.audits = aimed || rng.below(4) == 0;
  const double rough = rng.uniform_double();
  plan.lost = 0.3 * rough;
  plan.duplicated = 0.3 * rng.uniform_double();
  plan.flipped = 0.05 * rough;
  plan.probed = 0.3;
  plan.stopped = rng.below(2) == 0 ? 0.002 : 0;
  plan.calm_at_ms = 10'000 + rng.below(40'000);
  plan.fault_every_ms = 300 + rng.below(4000);
  plan.done_by_ms = plan.calm_at_ms + 1'500'000;
  plan.slow_share = 0.3 * rng.uniform_double();
  plan.segment_growth = rng.below(2) == 0 ? std::uint64_t{64} << 10 : std::uint64_t{1} << 20;
  if (!all && plan.clients >= 5) {
    plan.hostile = rng.below(4) == 0;
    plan.revokes = rng.below(4) == 0;
    plan.late = rng.below(4) == 0;
  }
  if (aimed) plan.fault_every_ms = 6000;
  return plan;
}

}  // namespace fedqat::dst
