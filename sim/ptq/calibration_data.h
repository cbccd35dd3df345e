// What calibration samples show inside an fp32 network.
#pragma once

#include <vector>

#include "common/data/dataset.h"
#include "common/data/partition.h"
#include "common/nn/network.h"

namespace fedqat {

// Runs the first samples of every client. The references must outlive this. Not thread-safe.
class CalibrationData {
 public:
  // graph: fp32, without batch normalization; samples: of each client.
  CalibrationData(const Graph& graph, const InputGrid& input, const ModelState& state,
                  const Dataset& train, const Partition& partition, std::uint32_t samples);

  const Graph& graph() const { return graph_; }
  std::span<const float> params() const { return params_; }
  // Of the outputs of each step, all clients together.
  std::vector<Log2Histogram> histograms();
  // Of the same graph with other parameters: of at most `most` samples, evenly spaced over all,
  // [samples, classes].
  std::vector<float> logits(std::span<const float> params, std::size_t most);
  // Windows of a step with weights, as rows [rows, depth] in the order of im2col; evenly spaced
  // over all there are, at most `limit`.
  struct Rows {
    std::vector<float> values;
    int rows = 0;
    int depth = 0;
  };
  Rows windows(int step, int limit);
  // Their mean over all windows of up to 1024 samples, [depth].
  std::vector<float> mean_window(int step);

 private:
  template <class Visit>
  void run(std::size_t most, Visit visit);
  void unfold(int step, int n, std::vector<float>& rows) const;

  const Graph& graph_;
  const Dataset& train_;
  Network network_;
  std::vector<float> params_;
  std::vector<std::uint32_t> samples_;
};

}  // namespace fedqat
