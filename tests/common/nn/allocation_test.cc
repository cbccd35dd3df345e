// A training step takes all its memory in the constructor.
#include <atomic>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <new>

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

TEST_CASE(
    "network: no step after the first allocates, in fp32, in integers and with int8 gradients") {
  const Shape image{9, 8, 3};
  const bool normalized = GENERATE(false, true);
  const auto graph =
      build_graph(normalized ? batch_norm_model(image, 6) : every_layer_model(image, 6), {});
  const Dataset data = random_dataset(image, 6, 32, 5);
  ModelState state = init_model(*graph, 3);
  Network fp32(*graph, data.grid, 32);
  Network int8(*graph, data.grid, 32, Backward::kInt8);
  for (const int pass : {0, 1, 2}) {
    if (pass == 1) state = calibrated(*graph, state, data);
    Network& net = pass == 2 ? int8 : fp32;
    net.load(state);
    net.train_batch(data.codes.data(), data.labels.data(), 32);
    const long before = allocations;
    for (const int n : {32, 7, 32}) net.train_batch(data.codes.data(), data.labels.data(), n);
    CHECK(allocations == before);
  }
}
