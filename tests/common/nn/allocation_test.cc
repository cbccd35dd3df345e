// load() takes all memory of training steps.
#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <new>

#include "common/base/memory.h"
#include "common/nn/network.h"
#include "tests/support/random_data.h"

namespace {

std::atomic<long> allocations{0};

void* counted(std::size_t size) {
  ++allocations;
  void* p = std::malloc(size);
  if (p == nullptr) throw std::bad_alloc();
  return p;
}

}  // namespace

void* operator new(std::size_t size) { return counted(size); }
void* operator new[](std::size_t size) { return counted(size); }
// All of them: a sanitizer refuses memory of its own operator new in our delete.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return std::malloc(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return std::malloc(size); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }

using namespace fedqat;

namespace {

class Descent final : public GradientSink {
 public:
  Descent(const Graph& graph, std::span<float> params) : graph_(graph), params_(params) {}
  void take(int param, std::size_t first, std::span<float> gradient) override {
    float* w = params_.data() + graph_.params[static_cast<std::size_t>(param)].offset + first;
    for (std::size_t i = 0; i < gradient.size(); ++i) w[i] -= 0.01F * gradient[i];
    taken += gradient.size();
  }
  std::size_t taken = 0;

 private:
  const Graph& graph_;
  std::span<float> params_;
};

}  // namespace

TEST_CASE(
    "network: no step after the first allocates, in fp32, in integers and with int8 gradients") {
  const Shape image{9, 8, 3};
  const bool normalized = GENERATE(false, true);
  const QuantSpec quant{.range_rule =
                            GENERATE(RangeRule::kLsq, RangeRule::kLsqPlus, RangeRule::kPercentile)};
  const auto graph =
      build_graph(normalized ? batch_norm_model(image, 6) : every_layer_model(image, 6), quant);
  const Dataset data = random_dataset(image, 6, 32, 5);
  ModelState state = init_model(*graph, 3);
  Network fp32(*graph, data.grid, 32);
  Network int8(*graph, data.grid, 32, Backward::kInt8);
  for (const int pass : {0, 1, 2}) {
    if (pass == 1) state = calibrated(*graph, state, data);
    Network& net = pass == 2 ? int8 : fp32;
    net.load(state);
    net.train_batch(data.codes.data(), data.labels.data(), 32);
    Descent sink(*graph, net.params());
    const long before = allocations;
    const std::size_t bytes = heap_bytes();  // of buffers too
    for (const int n : {32, 7, 32}) {
      net.train_batch(data.codes.data(), data.labels.data(), n);
      net.train_batch(data.codes.data(), data.labels.data(), n, {}, sink);
    }
    CHECK(allocations == before);
    CHECK(heap_bytes() == bytes);
    CHECK(sink.taken == 3 * graph->param_count);
  }
}

TEST_CASE("network: gradients taken one by one lead where stored ones do") {
  const Shape image{9, 8, 3};
  const bool normalized = GENERATE(false, true), quantized = GENERATE(false, true);
  const auto backward = GENERATE(Backward::kFloat, Backward::kInt8);
  const auto graph =
      build_graph(normalized ? batch_norm_model(image, 6) : every_layer_model(image, 6), {});
  const Dataset data = random_dataset(image, 6, 32, 5);
  ModelState state = init_model(*graph, 3);
  if (quantized) state = calibrated(*graph, state, data);
  Network stored(*graph, data.grid, 32, backward), taken(*graph, data.grid, 32, backward);
  stored.load(state);
  taken.load(state);
  Descent sink(*graph, taken.params());
  for (const std::uint32_t batch : {0U, 1U, 2U}) {
    const BatchKey key{1, 2, 3, batch};
    stored.train_batch(data.codes.data(), data.labels.data(), 31, key);
    for (std::size_t i = 0; i < graph->param_count; ++i) {
      stored.params()[i] -= 0.01F * stored.grads()[i];
    }
    taken.train_batch(data.codes.data(), data.labels.data(), 31, key, sink);
    REQUIRE(std::equal(stored.params().begin(), stored.params().end(), taken.params().begin()));
  }
}
