#include "coordinator/schedule.h"

#include <algorithm>

#include "common/quant/quant_spec.h"
#include "common/wire/config_checks.h"

namespace fedqat {

double cos_pi(double t) {
  if (t > 0.5) return -cos_pi(1 - t);
  const double x = 3.14159265358979323846 * t;  // <= 1.571, so x^24/24! < 1e-19
  double sum = 1;
  for (int i = 22; i >= 2; i -= 2) sum = 1 - sum * x * x / (i * (i - 1));
  return sum;
}

Result<Schedule> Schedule::make(const wire::Config& config) {
  Schedule s;
  s.rounds_ = config.run().rounds();
  s.float_ = config.quant().weight_bits() == kFloatBits;
  s.warmup_ = config.quant().warmup_rounds();
  s.frozen_ = config.quant().freeze_rounds();
  if (!phases_fit(config)) {
    return Error{Errc::kInvalid, "quant.warmup_rounds = " + std::to_string(s.warmup_) +
                                     " and quant.freeze_rounds = " + std::to_string(s.frozen_) +
                                     " leave none of run.rounds = " + std::to_string(s.rounds_) +
                                     " to learn scales in; give the run more rounds"};
  }
  const wire::ClientConfig& c = config.client();
  s.first_rate_ = c.learning_rate();
  s.last_rate_ = c.final_learning_rate() > 0 ? c.final_learning_rate() : c.learning_rate();
  s.scale_rate_ = static_cast<float>(config.quant().scale_learning_rate());
  s.calibration_samples_ = config.quant().calibration_samples();
  s.spacing_ = config.quant().codebook_spacing() == "lloyd" ? Spacing::kLloyd : Spacing::kEven;
  s.tied_rounds_ = std::min(config.quant().codebook_rounds(), s.rounds_ / 2);
  s.codebook_ = s.float_ ? config.quant().codebook() : 0;
  s.base_.epochs = c.epochs();
  s.base_.batch = c.batch();
  s.base_.momentum = static_cast<float>(c.momentum());
  s.base_.weight_decay = static_cast<float>(c.weight_decay());
  s.base_.backward = c.backward() == "int8" ? Backward::kInt8 : Backward::kFloat;
  s.base_.kure = static_cast<float>(config.quant().kure());
  if (config.server().strategy() == "fedprox") {
    s.base_.prox_mu = static_cast<float>(config.server().prox_mu());
  }
  return s;
}

Phase Schedule::phase(std::uint32_t round) const {
  if (float_) return Phase::kFloat;
  if (round < warmup_) return Phase::kWarmup;
  if (round == warmup_) return Phase::kObserve;
  return round + frozen_ > rounds_ ? Phase::kFrozen : Phase::kQuantized;
}

LocalTraining Schedule::training(std::uint32_t round) const {
  LocalTraining t = base_;
  const double at = rounds_ > 1 ? double(round - 1) / double(rounds_ - 1) : 0;
  t.learning_rate =
      static_cast<float>(last_rate_ + (first_rate_ - last_rate_) * 0.5 * (1 + cos_pi(at)));
  if (phase(round) == Phase::kQuantized) t.scale_learning_rate = scale_rate_;
  if (phase(round) == Phase::kObserve) t.calibration_samples = calibration_samples_;
  if (round > 1) t.codebook = codebook(round - 1);
  return t;
}

}  // namespace fedqat
