// A RunReport with every field set, as a federation might have left it; depends on nothing random.
#pragma once

#include <cmath>
#include <string>

#include "sim/run_report.h"

namespace fedqat {

inline RunReport sample_report(bool quantized = true) {
  RunReport r;
  r.name = "digits, ten hospitals";
  r.seed = 7;
  r.isa = "avx2";
  r.threads = 2;
  r.model_name = "digits-cnn";
  r.parameters = 5402;
  r.macs_per_sample = 61040;
  r.weight_bits = r.activation_bits = quantized ? 8 : 32;
  r.bytes_fp32 = 21608;
  r.bytes_packed = quantized ? 6123 : 21990;
  r.model_sha256 = std::string(32, 'a') + std::string(32, '7');
  if (quantized) {
    r.activation_names = {"conv1", "conv2", "dense1", "output"};
    r.weight_names = r.activation_names;
  }
  r.data_name = "digits";
  r.data_sha256 = std::string(64, 'b');
  r.train_samples = 1438;
  r.test_samples = 359;
  r.classes = 10;
  r.clients = 20;
  r.partition = "dirichlet(0.5)";
  for (std::uint32_t c = 0; c < 20; ++c) {
    ClientShare share{c, 0, {}};
    for (std::uint32_t k = 0; k < 10; ++k) {
      const std::uint32_t n = (c * 7 + k * 13 + c * k * 5) % 17;
      share.per_class.push_back(n < 6 ? 0 : n);
      share.samples += share.per_class.back();
    }
    r.shares.push_back(share);
  }
  for (std::uint32_t i = 1; i <= 30; ++i) {
    RoundReport round;
    const double wiggle = 0.012 * std::sin(2.3 * i) * std::exp(-0.05 * i);
    const double dip = quantized && i > 3 ? 0.02 * std::exp(-0.4 * (i - 3)) : 0;
    round.round = i;
    round.phase = !quantized ? "fp32" : i < 4 ? "warmup" : i < 26 ? "quantized" : "frozen";
    round.clients_sampled = 10;
    round.clients_aggregated = i % 7 == 0 ? 9 : 10;
    round.train_loss = 0.05 + 2.2 * std::exp(-0.28 * i) + wiggle;
    round.evaluated = i % 2 == 0 || i == 1;
    round.test_accuracy = 0.972 - 0.62 * std::exp(-0.33 * i) + wiggle - dip;
    round.test_loss = 0.11 + 2.1 * std::exp(-0.26 * i) - wiggle;
    const std::uint64_t width = quantized && i > 3 ? 1 : 4;
    round.bytes_up = 10 * 5500 * width;
    round.bytes_down = 10 * 5600 * width;
    round.seconds = 0.031;
    round.virtual_seconds = 12.5;
    round.clipped_share = 0.0004;
    if (quantized && i > 3) {
      for (std::size_t k = 0; k < 4; ++k) {
        const auto x = static_cast<double>(k);
        round.activation_log2_scales.push_back(
            static_cast<float>(-6 + 0.9 * x + 0.3 * std::sin(0.2 * i + x)));
        round.weight_log2_scales.push_back(static_cast<float>(-8 + 0.4 * x + 0.02 * i));
      }
    }
    r.bytes_up += round.bytes_up;
    r.bytes_down += round.bytes_down;
    r.rounds.push_back(round);
  }
  r.final_accuracy = r.rounds.back().test_accuracy;
  r.final_loss = r.rounds.back().test_loss;
  for (int c = 0; c < 10; ++c) r.class_recall.push_back(1 - 0.008 * ((c * 7) % 10));
  r.seconds = 0.93;
  r.train_samples_per_second = 46387.25;
  r.peak_rss_bytes = 31457280;
  return r;
}

}  // namespace fedqat
