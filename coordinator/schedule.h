// What happens in which round: phases and learning rates of a run.
#pragma once

#include <cstdint>

#include "common/base/result.h"
#include "common/quant/weight_sharing.h"
#include "common/wire/config.pb.h"
#include "common/wire/messages.h"

namespace fedqat {

// Rounds count from 1: warmup ... warmup, observe (the last warm-up round), quantized ..., frozen
// (the last freeze_rounds). fp32 runs stay in kFloat.
class Schedule {
 public:
  // kInvalid: no round is left for what is asked.
  static Result<Schedule> make(const wire::Config& config);

  std::uint32_t rounds() const { return rounds_; }
  Phase phase(std::uint32_t round) const;
  // Whether the model runs on integers once so many rounds are closed.
  bool quantized_after(std::uint32_t rounds) const { return !float_ && rounds >= warmup_; }
  // learning_rate falls from the first to the last round along half a cosine.
  LocalTraining training(std::uint32_t round) const;
  // How many values the weights of a tensor may take once the round has closed; 0: any.
  std::uint32_t codebook(std::uint32_t round) const {
    return round + tied_rounds_ >= rounds_ ? codebook_ : 0;
  }
  Spacing codebook_spacing() const { return spacing_; }

 private:
  Schedule() = default;
  std::uint32_t rounds_ = 1, warmup_ = 1, frozen_ = 0, calibration_samples_ = 0, codebook_ = 0,
                tied_rounds_ = 0;
  Spacing spacing_ = Spacing::kEven;
  bool float_ = false;
  double first_rate_ = 0, last_rate_ = 0;
  float scale_rate_ = 0;
  LocalTraining base_;
};

// cos(pi t) for t in [0, 1] from +, -, * and /: the same bits everywhere; error < 1e-15.
double cos_pi(double t);

}  // namespace fedqat
