// The integer engine: runs a PackedModel as docs/numerics.md prescribes. For fp32 models it runs
// the same graph in floats.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "common/base/result.h"
#include "common/nn/packed_model.h"

namespace fedqat {

struct EvalResult {
  std::uint64_t samples = 0;
  std::uint64_t correct = 0;
  double loss = 0;  // summed cross-entropy
  double accuracy() const { return samples == 0 ? 0 : double(correct) / double(samples); }
  double mean_loss() const { return samples == 0 ? 0 : loss / double(samples); }
};

// Whose kernels run integer models. All give the same codes.
enum class Backend : std::uint8_t { kBuiltin, kXnnpack };
// kInvalid: this build or processor has it not.
Result<void> backend_available(Backend backend);

// Not thread-safe; make one for each thread. kInvalid: validate(model) fails, or the backend cannot
// run the model.
class Engine {
 public:
  static Result<Engine> make(PackedModel model, int max_batch, Backend backend = Backend::kBuiltin);
  ~Engine();
  Engine(Engine&&) noexcept;

  // codes [n, input], 1 <= n <= max_batch. Returns the output codes [n, classes]
  // (empty for fp32 and dynamic models); logits() are their real values.
  std::span<const std::uint8_t> run(const std::uint8_t* codes, int n);
  std::span<const float> logits() const;

  // Accuracy and loss over samples [begin, end) of `data`; the first of equal logits wins.
  // kChecks: data has the model's shape and classes.
  EvalResult evaluate(const Dataset& data, std::size_t begin, std::size_t end);

 private:
  struct Impl;
  explicit Engine(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace fedqat
