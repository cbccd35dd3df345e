#include "client/device/local_samples.h"

#include "common/base/memory.h"
#include "common/data/load.h"
#include "common/wire/partition_config.h"

namespace fedqat {

Dataset select_samples(const Dataset& data, std::span<const std::uint32_t> indices) {
  Dataset out;
  out.name = data.name;
  out.shape = data.shape;
  out.classes = data.classes;
  out.grid = data.grid;
  out.codes.reserve(indices.size() * data.shape.size());
  out.labels.reserve(indices.size());
  for (const std::uint32_t i : indices) {
    const auto sample = data.sample(i);
    out.codes.insert(out.codes.end(), sample.begin(), sample.end());
    out.labels.push_back(data.labels[i]);
  }
  return out;
}

Result<const Dataset*> LocalSamples::of(std::uint32_t client) {
  if (client_ && (!shard_ || *client_ == client)) return &samples_;
  samples_ = {};
  const wire::DataConfig& d = config_.data();
  auto data = load_data(fs_, {.name = d.name(),
                              .dir = dir_.empty() ? std::filesystem::path(d.dir()) : dir_,
                              .max_train = d.max_train_samples(),
                              .max_test = d.max_test_samples()});
  if (!data) return data.error();
  data->test = {};
  if (shard_) {
    const auto partition = partition_from_config(config_, data->train);
    if (!partition) return partition.error();
    if (client >= partition->clients()) {
      return Error{Errc::kInvalid, "--shard: this device is client " + std::to_string(client) +
                                       ", [partition] has " + std::to_string(partition->clients()) +
                                       " counted from 0; raise partition.clients for all"};
    }
    samples_ = select_samples(data->train, partition->samples(client));
  } else {
    samples_ = std::move(data->train);
  }
  if (samples_.size() == 0) return Error{Errc::kInvalid, "there are no training samples here"};
  client_ = client;
  data = DataSplit{};
  release_memory();
  return &samples_;
}

Result<void> check_samples(const Dataset& samples, const NetworkSpec& network) {
  if (samples.shape != network.model.input) {
    return Error{Errc::kInvalid, "samples of " + to_string(samples.shape) +
                                     ", the run's network takes " + to_string(network.model.input) +
                                     "; use the run's data set ([data] of the config, or --data)"};
  }
  if (samples.classes > network.model.classes) {
    return Error{Errc::kInvalid, "samples of " + std::to_string(samples.classes) +
                                     " classes, the run's network has " +
                                     std::to_string(network.model.classes) +
                                     "; use the run's data set ([data] of the config, or --data)"};
  }
  if (samples.name != "idx" && samples.grid != network.input) {
    return Error{Errc::kInvalid,
                 "the samples of '" + samples.name +
                     "' are normalised in another way than the run's; use the run's data set "
                     "([data] of the config, or --data)"};
  }
  return {};
}

}  // namespace fedqat
