// What a run measured: the content of report.json, metrics.csv and report.html.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fedqat {

struct RoundReport {
  std::uint32_t round = 0;  // from 1
  std::string phase;        // "warmup", "observe", "quantized", "frozen", "fp32"
  std::uint32_t clients_sampled = 0;
  std::uint32_t clients_aggregated = 0;  // updates in the sum
  std::uint32_t updates_stale = 0;       // of these, trained on an older model
  std::uint32_t clients_tasked = 0;      // of clients_sampled, took the task
  std::uint32_t updates_refused = 0;     // uploads that the coordinator refused
  std::uint32_t attempts = 1;            // deadlines without a quorum, and one
  double train_loss = 0;                 // mean over the clients' samples, before each step
  bool evaluated = false;                // false: the two below were not measured in this round
  double test_accuracy = 0;              // integer engine's once quantized, else the fp32 network's
  double test_loss = 0;
  std::uint64_t bytes_up = 0;  // frames of clients, length prefixes included
  std::uint64_t bytes_down = 0;
  double seconds = 0;          // wall time
  double virtual_seconds = 0;  // simulated time
  double clipped_share = 0;    // share of update codes that hit the end of the grid
  std::vector<float>
      activation_log2_scales;             // parallel to RunReport::activation_names; empty in fp32
  std::vector<float> weight_log2_scales;  // mean over channels, parallel to weight_names
};

struct ClientShare {
  std::uint32_t client = 0;
  std::uint32_t samples = 0;
  std::vector<std::uint32_t> per_class;
};

struct RunReport {
  std::string name;
  std::uint64_t seed = 0;
  std::string isa;
  int threads = 0;
  // model
  std::string model_name;
  std::uint64_t parameters = 0;
  std::uint64_t macs_per_sample = 0;
  int weight_bits = 0;  // of the model there is: 32 if the run stopped before quantization began
  int activation_bits = 0;
  std::vector<std::string> layer_bits;  // of layers with bits of their own: "conv1=4"
  std::uint64_t bytes_fp32 = 0;         // parameters * 4
  std::uint64_t bytes_packed = 0;       // model.fedqat
  std::string model_sha256;
  std::vector<std::string> activation_names;
  std::vector<std::string> weight_names;
  // data
  std::string data_name;
  std::string data_sha256;
  std::uint64_t train_samples = 0;
  std::uint64_t test_samples = 0;
  int classes = 0;
  std::uint32_t clients = 0;
  std::string partition;            // "dirichlet(0.5)"
  std::vector<ClientShare> shares;  // of the first 100 clients
  // outcome
  std::vector<RoundReport> rounds;
  double final_accuracy = 0;
  double final_loss = 0;
  std::vector<double> class_recall;  // [classes]
  double seconds = 0;
  double train_samples_per_second = 0;
  std::uint64_t peak_rss_bytes = 0;
  std::uint64_t bytes_up = 0;
  std::uint64_t bytes_down = 0;
};

}  // namespace fedqat
