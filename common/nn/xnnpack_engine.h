// Integer models on XNNPACK's operators, with the arithmetic of docs/numerics.md. In builds without
// the library make() says so.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "common/base/result.h"
#include "common/nn/graph.h"
#include "common/nn/packed_model.h"

namespace fedqat {

// Not thread-safe; make one for each thread. Starts no threads.
class XnnpackEngine {
 public:
  // kInvalid: not in this build, or not for this processor.
  static Result<void> available();

  // A model that validate() accepts, and its graph. kInvalid: not available(); a model in fp32 or
  // with dynamic quantization; a step that XNNPACK refuses, by name.
  static Result<XnnpackEngine> make(const Graph& graph, const PackedModel& model, int max_batch);
  ~XnnpackEngine();
  XnnpackEngine(XnnpackEngine&&) noexcept;

  // As Engine::run().
  std::span<const std::uint8_t> run(const std::uint8_t* codes, int n);

 private:
  struct Impl;
  explicit XnnpackEngine(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace fedqat
