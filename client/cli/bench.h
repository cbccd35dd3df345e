// What `fedqat-client bench` is made of: models, a row for each measurement, a table of rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/isa.h"
#include "common/base/result.h"
#include "common/data/dataset.h"
#include "common/nn/graph.h"
#include "common/wire/config.h"
#include "common/wire/network_spec.h"

namespace fedqat {

struct BenchModel {
  std::string name;
  NetworkSpec network;
  Dataset data;
};

// A name of the zoo, with the input it is meant for: "lenet5", "cifar-cnn". Other inputs stand
// behind it: NAME@FEATURES, NAME@HxWxC, and after a colon the number of classes: "mlp-64@561:6".
// The data are noise; bits and layers of the config's other tables apply. kInvalid.
Result<BenchModel> bench_model(std::string_view text, const wire::Config& config);

// What is measured when nothing is named.
std::vector<std::string> default_bench_models();

// Noise of that shape: a step takes as long whatever is learnt.
Dataset noise_dataset(const Shape& shape, int classes, const InputGrid& grid);

// Operations are multiplications and additions: 2 a MAC in inference; 6 in training, less the
// gradient towards the input of the first layer, which nobody asks for.
struct BenchRow {
  std::string model;
  std::string test;  // "train fp32", "train W8A8", "infer W8A8"
  int batch = 0;
  std::string isa;
  int threads = 1;           // of training
  double samples_per_s = 0;  // mean over the repeats
  double deviation = 0;      // of samples_per_s over the repeats; 0 for one
  double gop_per_s = 0;
  double peak_gop_per_s = 0;  // of one core, measured, in the row's number format; 0: not known
  std::uint64_t memory_bytes = 0;  // heap that network, trainer and update take; 0: not measured

  double share_of_peak() const {
    return peak_gop_per_s > 0 ? gop_per_s / (threads * peak_gop_per_s) : 0;
  }
  double us_per_sample() const { return samples_per_s > 0 ? 1e6 / samples_per_s : 0; }
};
void to_json(nlohmann::ordered_json& json, const BenchRow& row);
void from_json(const nlohmann::ordered_json& json, BenchRow& row);

std::uint64_t training_operations(const Graph& graph);  // a sample

struct BenchTiming {
  int repeats = 5;
  double seconds = 0.2;  // of each, at least one step long
};
using BenchSink = std::function<void(const BenchRow&)>;

// Rows of one model with the best instruction set: training in fp32, training quantized, the same
// with config.duty.threads where that is more than 1, inference in batches of 1 and of
// config.client.batch; with another backend only inference, its name in the place of the
// instruction set. In this thread's time of the processor, with several threads in seconds.
// kInvalid.
Result<void> measure(const BenchModel& model, const wire::Config& config, const BenchTiming& timing,
                     const BenchSink& sink);

// Runs `rows` in a child process for which `isa` is the best instruction set, and passes on what
// it gives to its sink. Before anything has asked for cpu_has(). kInvalid: this machine has no such
// instruction set, or `rows` ends with an error.
Result<void> with_isa(Isa isa, const std::function<Result<void>(const BenchSink&)>& rows,
                      const BenchSink& sink);

enum class BenchFormat : std::uint8_t { kText, kJson, kMarkdown, kCsv };

// Writes rows to stdout as they come; JSON is an array, written by finish().
class BenchTable {
 public:
  explicit BenchTable(BenchFormat format) : format_(format) {}
  void add(const BenchRow& row);
  void finish();

 private:
  BenchFormat format_;
  std::vector<BenchRow> rows_;
};

// One line, or with the header before it two or three.
std::string bench_line(BenchFormat format, const BenchRow& row, bool header);

}  // namespace fedqat
