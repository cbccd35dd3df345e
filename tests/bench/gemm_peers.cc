// The integer products of a training step against oneDNN's u8 x s8 -> s32 matmul, one thread:
//   bench_gemm_peers [KERNEL]     a name of the kernel tables, default: the best of this machine
//
// Both start from plain row-major matrices (the gradient of dW: from its quads), so that packing is
// inside the time, and end in s32; ours also adds a bias going forward. The two run in turn; shown
// are medians of the thread's CPU time, and the share of the peak of the kernel's multiply
// instruction, measured in between. The results must be equal.
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <dnnl.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/rng.h"
#include "common/kernels/multiply_peak.h"
#include "common/kernels/qgemm/qgemm.h"
#include "common/kernels/qgemm_tn/qgemm_tn.h"
#include "common/tensor/buffer.h"
#include "tests/bench/in_turn.h"

namespace {

using namespace fedqat;
using namespace fedqat::kernels;

template <class T>
Buffer<T> random_codes(int n, std::uint64_t seed) {
  Buffer<T> codes(static_cast<std::size_t>(n));
  Rng rng({.seed = seed});
  for (auto& c : codes.span()) c = static_cast<T>(static_cast<int>(rng.below(255)) - 127);
  return codes;
}

using Memory = dnnl::memory;
using Tag = Memory::format_tag;
using Type = Memory::data_type;

// c [m,n] s32 = a b; a u8 [m,k] stored as `a_tag`, b s8 [k,n] as `b_tag`.
class Peer {
 public:
  Peer(int m, int n, int k, const std::uint8_t* a, Tag a_tag, const std::int8_t* b, Tag b_tag)
      : engine_(dnnl::engine::kind::cpu, 0), stream_(engine_), c_(static_cast<std::size_t>(m * n)) {
    const Memory::desc a_desc({m, k}, Type::u8, a_tag), b_desc({k, n}, Type::s8, b_tag);
    const Memory::desc c_desc({m, n}, Type::s32, Tag::ab);
    matmul_ = dnnl::matmul({{a_desc, b_desc, c_desc}, engine_});
    args_ = {{DNNL_ARG_SRC, {a_desc, engine_, const_cast<std::uint8_t*>(a)}},
             {DNNL_ARG_WEIGHTS, {b_desc, engine_, const_cast<std::int8_t*>(b)}},
             {DNNL_ARG_DST, {c_desc, engine_, c_.data()}}};
  }
  void run() {
    matmul_.execute(stream_, args_);
    stream_.wait();
  }
  const std::int32_t* result() const { return c_.data(); }

 private:
  dnnl::engine engine_;
  dnnl::stream stream_;
  Buffer<std::int32_t> c_;
  dnnl::matmul matmul_;
  std::unordered_map<int, Memory> args_;
};

struct Shape {
  const char* product;  // "fwd", "dx" or "dw"
  int m, n, k;          // of the product: for dw, n channels and k rows
};

constexpr Shape kShapes[] = {
    {"fwd", 64, 256, 784},     {"dx", 64, 784, 256},  {"dw", 784, 256, 64},
    {"fwd", 64, 128, 256},     {"dx", 64, 256, 128},  {"dw", 256, 128, 64},
    {"fwd", 18432, 32, 25},    {"dx", 18432, 25, 32}, {"dw", 25, 32, 18432},
    {"fwd", 2048, 64, 288},    {"dx", 2048, 288, 64}, {"dw", 288, 64, 2048},
    {"fwd", 256, 256, 256},    {"dx", 256, 256, 256}, {"dw", 256, 256, 256},
    {"fwd", 1024, 1024, 1024},
};

struct Timing {
  double ours, peer, peak;
  bool equal;
};

// Ours has the weights as [n,k] going forward and as [k,n] for dx, the peer the other way round, as
// both like it best.
Timing forward(const Shape& s, const QgemmKernel& kernel, const MultiplyPeak& peak) {
  const auto a = random_codes<std::uint8_t>(s.m * s.k, 1);
  const auto b = random_codes<std::int8_t>(s.n * s.k, 2);
  Buffer<std::int8_t> bt(b.size());
  for (int j = 0; j < s.n; ++j) {
    for (int p = 0; p < s.k; ++p) bt.data()[p * s.n + j] = b.data()[j * s.k + p];
  }
  const bool transposed = std::string_view(s.product) == "dx";
  const Buffer<std::int32_t> bias(static_cast<std::size_t>(s.n));
  Buffer<std::int32_t> acc(static_cast<std::size_t>(s.m * s.n));
  Buffer<std::byte> packed(kernel.packed_bytes(s.n, s.k));
  QgemmArgs g{s.m, s.n, s.k, a.data(), s.k, 0, packed.data(), nullptr, acc.data(), s.n};
  if (!transposed) g.bias = bias.data();
  Peer peer(s.m, s.n, s.k, a.data(), Tag::ab, transposed ? b.data() : bt.data(),
            transposed ? Tag::ba : Tag::ab);
  const auto ours = [&] {
    if (transposed) {
      kernel.pack_transposed(bt.data(), s.n, s.n, s.k, packed.data());
    } else {
      kernel.pack(b.data(), s.k, s.n, s.k, packed.data());
    }
    kernel.run(g);
  };
  const auto t = medians({ours, [&] { peer.run(); }, [&] { peak.run(); }});
  return {t[0], t[1], peak.operations / t[2],
          std::equal(acc.data(), acc.data() + acc.size(), peer.result())};
}

Timing weights(const Shape& s, const QgemmTnKernel& kernel, const MultiplyPeak& peak) {
  const int fan_in = s.m, channels = s.n, rows = s.k;
  const auto x = random_codes<std::uint8_t>(rows * fan_in, 1);
  const auto g = random_codes<std::int8_t>(rows * channels, 2);
  Buffer<std::int8_t> quads(static_cast<std::size_t>((rows + 3) / 4 * 4 * channels));
  for (int m = 0; m < rows; ++m) {
    for (int c = 0; c < channels; ++c) {
      quads.data()[(m / 4) * 4 * channels + 4 * c + m % 4] = g.data()[m * channels + c];
    }
  }
  Buffer<std::int32_t> acc(static_cast<std::size_t>(channels * fan_in));
  Buffer<std::int32_t> gsum(static_cast<std::size_t>(channels));
  const QgemmTnArgs args{rows,   channels, fan_in,     quads.data(), 4 * channels, x.data(),
                         fan_in, 0,        acc.data(), fan_in,       gsum.data(),  false};
  Peer peer(fan_in, channels, rows, x.data(), Tag::ba, g.data(), Tag::ab);
  const auto t = medians({[&] { kernel.run(args); }, [&] { peer.run(); }, [&] { peak.run(); }});
  bool equal = true;
  for (int c = 0; c < channels; ++c) {
    for (int k = 0; k < fan_in; ++k) {
      equal = equal && acc.data()[c * fan_in + k] == peer.result()[k * channels + c];
    }
  }
  return {t[0], t[1], peak.operations / t[2], equal};
}

template <class Kernel>
const Kernel* find(std::span<const Kernel> kernels, std::string_view name) {
  for (const Kernel& k : kernels) {
    if (cpu_has(k.isa) && (name.empty() || name == k.name)) return &k;
  }
  return nullptr;
}

}  // namespace

int main(int argc, char** argv) {
  omp_set_num_threads(1);
  const std::string_view name = argc > 1 ? argv[1] : "";
  const QgemmKernel* qgemm = find(qgemm_kernels(), name);
  const QgemmTnKernel* qgemm_tn = find(qgemm_tn_kernels(), name);
  if (qgemm == nullptr || qgemm_tn == nullptr) {
    std::fprintf(stderr, "gemm_peers: no kernel '%s' on this machine\n", argv[1]);
    return 2;
  }
  std::printf("%-4s %6s %6s %6s  %12s %9s %9s %8s %7s\n", "", "M", "N", "K", "kernel", "us",
              "oneDNN", "x oneDNN", "of peak");
  double log_sum = 0;
  bool all_equal = true;
  for (const Shape& s : kShapes) {
    const bool dw = std::string_view(s.product) == "dw";
    const MultiplyPeak peak = multiply_peak(dw ? qgemm_tn->isa : qgemm->isa);
    const Timing r = dw ? weights(s, *qgemm_tn, peak) : forward(s, *qgemm, peak);
    const double operations = 2.0 * s.m * s.n * s.k;
    std::printf("%-4s %6d %6d %6d  %12s %9.2f %9.2f %8.3f %6.1f%%%s\n", s.product, s.m, s.n, s.k,
                dw ? qgemm_tn->name : qgemm->name, r.ours * 1e6, r.peer * 1e6, r.peer / r.ours,
                100 * operations / r.ours / r.peak, r.equal ? "" : "  NOT EQUAL");
    std::fflush(stdout);
    log_sum += std::log(r.peer / r.ours);
    all_equal = all_equal && r.equal;
  }
  std::printf("geometric mean: %.3f x oneDNN\n", std::exp(log_sum / std::size(kShapes)));
  return all_equal ? 0 : 1;
}
