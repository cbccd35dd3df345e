#include "common/tensor/memory_plan.h"

#include <catch2/catch.hpp>
#include <cstdint>

using namespace fedqat;

TEST_CASE("memory_plan: buffers that live at once are apart, others share a place") {
  MemoryPlan plan;
  Buffer<float> a, b, c;
  Buffer<std::uint8_t> d;
  plan.add(a, 1000, {{0, 1}});
  plan.add(b, 1000, {{1, 2}});
  plan.add(c, 1000, {{2, 3}});
  plan.add(d, 100, {{0, 0}, {3, 3}});
  const Buffer<std::byte> memory = plan.place();
  CHECK(memory.size() == 2 * buffer_bytes(1000, sizeof(float)));
  CHECK(a.data() == c.data());
  const auto apart = [](const auto& x, const auto& y) {
    const auto* x0 = reinterpret_cast<const std::byte*>(x.data());
    const auto* y0 = reinterpret_cast<const std::byte*>(y.data());
    return x0 + buffer_bytes(x.size(), sizeof(x[0])) <= y0 ||
           y0 + buffer_bytes(y.size(), sizeof(y[0])) <= x0;
  };
  CHECK(apart(a, b));
  CHECK(apart(b, c));
  CHECK(apart(a, d));
  CHECK(apart(c, d));
  for (const void* p : {static_cast<const void*>(b.data()), static_cast<const void*>(d.data())}) {
    CHECK(reinterpret_cast<std::uintptr_t>(p) % kAlignment == 0);
  }
}
