#include "sim/ptq/calibration_data.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/nn/integer_ops.h"
#include "common/tensor/buffer.h"

namespace fedqat {
namespace {

constexpr int kBatch = 64;
constexpr std::size_t kMeanSamples = 1024;

}  // namespace

CalibrationData::CalibrationData(const Graph& graph, const InputGrid& input,
                                 const ModelState& state, const Dataset& train,
                                 const Partition& partition, std::uint32_t samples)
    : graph_(graph), train_(train), network_(graph, input, kBatch), params_(state.params) {
  FEDQAT_CHECK(graph.quant.is_float());
  network_.load(state);
  for (std::uint32_t client = 0; client < partition.clients(); ++client) {
    const auto own = partition.samples(client);
    const std::size_t count = std::min<std::size_t>(own.size(), samples);
    for (std::size_t i = 0; i < count; ++i) {
      samples_.push_back(static_cast<std::uint32_t>(own[i]));
    }
  }
}

// visit(codes, n) for batches of at most `most` samples, evenly spaced over all.
template <class Visit>
void CalibrationData::run(std::size_t most, Visit visit) {
  const std::size_t count = std::min(most, samples_.size());
  std::vector<std::uint8_t> codes;
  for (std::size_t begin = 0; begin < count; begin += kBatch) {
    const std::size_t end = std::min<std::size_t>(count, begin + kBatch);
    codes.clear();
    for (std::size_t i = begin; i < end; ++i) {
      const auto sample = train_.sample(samples_[i * samples_.size() / count]);
      codes.insert(codes.end(), sample.begin(), sample.end());
    }
    visit(codes.data(), static_cast<int>(end - begin));
  }
}

std::vector<Log2Histogram> CalibrationData::histograms() {
  std::vector<Log2Histogram> sums(graph_.steps.size());
  run(samples_.size(),
      [&](const std::uint8_t* codes, int n) { network_.observe_batch(codes, n, sums); });
  return sums;
}

std::vector<float> CalibrationData::logits(std::span<const float> params, std::size_t most) {
  ModelState state;
  state.zero_points.assign(graph_.steps.size(), 0);
  state.params.assign(params.begin(), params.end());
  network_.load(state);
  std::vector<float> all;
  run(most, [&](const std::uint8_t* codes, int n) {
    network_.infer_batch(codes, n);
    const auto found = network_.logits().first(static_cast<std::size_t>(n * graph_.spec.classes));
    all.insert(all.end(), found.begin(), found.end());
  });
  state.params = params_;
  network_.load(state);
  return all;
}

void CalibrationData::unfold(int step, int n, std::vector<float>& rows) const {
  const Step& s = graph_.steps[static_cast<std::size_t>(step)];
  const auto x = network_.real_value(s.inputs[0], n);
  if (s.op == Op::kDense) {
    rows.assign(x.begin(), x.end());
    return;
  }
  const kernels::Window window = window_of(s);
  const std::size_t one = s.in.size();
  const auto patches = static_cast<std::size_t>(s.out.h * s.out.w * window.depth());
  Buffer<float> image(one), unfolded(patches);
  rows.clear();
  for (int i = 0; i < n; ++i) {
    std::copy_n(x.begin() + i * static_cast<std::ptrdiff_t>(one), one, image.data());
    kernels::im2col(window, image.data(), 0.0F, unfolded.data(), window.depth());
    rows.insert(rows.end(), unfolded.data(), unfolded.data() + patches);
  }
}

CalibrationData::Rows CalibrationData::windows(int step, int limit) {
  const Step& s = graph_.steps[static_cast<std::size_t>(step)];
  const bool dense = s.op == Op::kDense;
  Rows found;
  found.depth = dense ? static_cast<int>(s.in.size()) : window_of(s).depth();
  const int each = dense ? 1 : s.out.h * s.out.w;  // windows of a sample
  // Few windows of many samples say more than all windows of few.
  const int stride = std::clamp(each / 8, 1, each);
  const int kept = (each + stride - 1) / stride;
  std::vector<float> rows;
  int next = 0;
  run(static_cast<std::size_t>(std::max(1, limit / kept)), [&](const std::uint8_t* codes, int n) {
    network_.infer_batch(codes, n);
    unfold(step, n, rows);
    for (; next < n * each && found.rows < limit; next += stride, ++found.rows) {
      const auto at = rows.begin() + std::ptrdiff_t{next} * found.depth;
      found.values.insert(found.values.end(), at, at + found.depth);
    }
    next = std::max(0, next - n * each);
  });
  return found;
}

std::vector<float> CalibrationData::mean_window(int step) {
  std::vector<double> sums;
  std::vector<float> rows;
  double count = 0;
  const Step& s = graph_.steps[static_cast<std::size_t>(step)];
  const std::size_t depth =
      s.op == Op::kDense ? s.in.size() : static_cast<std::size_t>(window_of(s).depth());
  sums.assign(depth, 0.0);
  run(kMeanSamples, [&](const std::uint8_t* codes, int n) {
    network_.infer_batch(codes, n);
    unfold(step, n, rows);
    for (std::size_t i = 0; i < rows.size(); ++i) sums[i % depth] += double{rows[i]};
    count += static_cast<double>(rows.size() / depth);
  });
  std::vector<float> mean(depth);
  for (std::size_t i = 0; i < depth; ++i)
    mean[i] = static_cast<float>(sums[i] / std::max(1.0, count));
  return mean;
}

}  // namespace fedqat
