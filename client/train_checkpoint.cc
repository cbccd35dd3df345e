#include "client/train_checkpoint.h"

#include <bit>

namespace fedqat {
namespace {

class Hasher {
 public:
  void put(ByteView bytes) { hash_.update(bytes); }
  void put(std::uint64_t v) {
    std::array<std::byte, 8> bytes;
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = std::byte(v >> (8 * i) & 255);
    put(bytes);
  }
  void put(float v) { put(std::uint64_t{std::bit_cast<std::uint32_t>(v)}); }
  Digest finish() { return std::move(hash_).finish(); }

 private:
  Sha256 hash_;
};

}  // namespace

Digest task_digest(const Task& task, const Dataset& data, std::span<const std::uint32_t> samples) {
  Hasher h;
  h.put(task.run);
  h.put(std::uint64_t{task.round});
  h.put(task.version);
  h.put(task.config_hash);
  h.put(task.model_sha256);
  h.put(static_cast<std::uint64_t>(task.phase));
  h.put(std::uint64_t{task.client});
  h.put(task.seed);
  const LocalTraining& t = task.training;
  for (const std::uint32_t v : {t.epochs, t.batch, t.calibration_samples, t.codebook})
    h.put(std::uint64_t{v});
  for (const float v :
       {t.learning_rate, t.momentum, t.weight_decay, t.prox_mu, t.scale_learning_rate, t.kure}) {
    h.put(v);
  }
  h.put(static_cast<std::uint64_t>(t.backward));
  h.put(data.grid.scale);
  h.put(static_cast<std::uint64_t>(data.grid.zero));
  h.put(std::uint64_t{samples.size()});
  for (const std::uint32_t i : samples) {
    h.put(std::as_bytes(data.sample(i)));
    h.put(std::uint64_t{data.labels[i]});
  }
  return h.finish();
}

}  // namespace fedqat
