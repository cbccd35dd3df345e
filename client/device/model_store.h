// The last model that a device followed by steps, so that it need not fetch one whole after a
// restart (codec.downlink = "difference").
#pragma once

#include <filesystem>
#include <utility>

#include "client/session.h"
#include "common/base/fs.h"

namespace fedqat {

// One model at a time; fs must outlive this. Not thread-safe.
class ModelStore {
 public:
  ModelStore(Fs& fs, std::filesystem::path path) : fs_(fs), path_(std::move(path)) {}

  // Puts the model into `cache` if it is one of `run`. kCorrupt: it was damaged and is discarded;
  // kInvalid: not of this network; kIo.
  Result<void> load(std::uint64_t run, const Graph& graph, ModelCache& cache);
  // Durable when it returns; takes the place of the one before. kIo.
  Result<void> keep(const Task& task, const Graph& graph, const ModelState& model);

 private:
  Fs& fs_;
  std::filesystem::path path_;
  Digest kept_{};
};

}  // namespace fedqat
