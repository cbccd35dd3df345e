#include "common/nn/layers/gradient_codes.h"

#include <algorithm>

namespace fedqat {
namespace {

constexpr std::uint8_t kZero = 128;  // in 8 bits

std::size_t size_of(std::ptrdiff_t n) { return static_cast<std::size_t>(n); }

}  // namespace

Sheets::Sheets(const Step& step)
    : samples(step.op == Op::kDense ? 4 : 1),
      quads(step.op == Op::kDense ? 1 : (step.out.h * step.out.w + 3) / 4),
      channels(step.out.c) {}

std::ptrdiff_t Sheets::digits(int n) const {
  const std::ptrdiff_t sheets = (n + samples - 1) / samples;
  return sheets * quads * 4 * kDigits * channels;
}

GradientCodes::GradientCodes(const Step& step, const LayerMemory& memory, int most)
    : step_(step), gradient_(kernels::gradient()), sheets_(step) {
  const Step& source = memory.maxima != nullptr ? *memory.maxima : step;
  grads_ = static_cast<std::ptrdiff_t>(source.out.size());
  const auto take = [&](auto& buffer, std::ptrdiff_t size) {
    memory.plan.add(buffer, size_of(size), {memory.backward});
  };
  take(random_, most * grads_ + 2 * kernels::kRandomGroup);
  take(q16_, sheets_.digits(sheets_.samples) / kDigits);
  if (memory.maxima == nullptr) return;
  pool_ = window_of(*memory.maxima);
  take(maxima16_, grads_);
  take(maxima8_, grads_);
}

void GradientCodes::round(const Pass& pass, kernels::GradientMatrix g, const std::uint8_t* which,
                          float inverse, int first, int samples, std::uint8_t* q8,
                          std::int8_t* digits) {
  const std::ptrdiff_t begin = first * grads_, end = begin + samples * grads_;
  const std::ptrdiff_t group = begin / kernels::kRandomGroup;
  const std::ptrdiff_t groups = (end + kernels::kRandomGroup - 1) / kernels::kRandomGroup - group;
  gradient_.random_bytes(pass.random, static_cast<std::uint32_t>(step_.output - 1),
                         static_cast<std::uint32_t>(group), groups, random_.data());
  const std::uint8_t* random = random_.data() + (begin - group * kernels::kRandomGroup);
  const auto out = static_cast<std::ptrdiff_t>(step_.out.size());
  const std::ptrdiff_t padded = sheets_.digits(sheets_.samples) / kDigits;
  for (int s = 0; s < samples; s += sheets_.samples) {
    const std::ptrdiff_t count = std::min(sheets_.samples, samples - s);
    g.count = count * grads_;
    if (pool_) {
      gradient_.quantize(g, inverse, random, maxima16_.data(), maxima8_.data());
      kernels::max_pool_scatter(*pool_, maxima16_.data(), which, q16_.data());
      kernels::max_pool_scatter(*pool_, maxima8_.data(), which, kZero, q8);
      which += grads_;
    } else {
      gradient_.quantize(g, inverse, random, q16_.data(), q8);
    }
    std::fill(q16_.data() + count * out, q16_.data() + padded, std::int16_t{0});
    gradient_.split_digits(q16_.data(), padded / 4, digits);
    random += g.count;
    g.dy += g.count;
    g.residual += g.count;
    g.y += g.count;
    q8 += count * out;
    digits += kDigits * padded;
  }
}

}  // namespace fedqat
