// The fp32 products of a training step against oneDNN's sgemm, one thread:
//   bench_sgemm_peers [KERNEL]     a name of the kernel table, default: the best of this machine
//
// Both start from plain row-major matrices. The two run in turn; shown are medians of the thread's
// CPU time, and the share of the peak of the kernel's multiply-add, measured in between. Ours must
// have the bits of the chain of multiply-adds.
#include <omp.h>

#include <cmath>
#include <cstdio>
#include <cstring>
#include <dnnl.hpp>
#include <string_view>

#include "common/base/rng.h"
#include "common/kernels/sgemm/sgemm.h"
#include "common/tensor/buffer.h"
#include "tests/bench/fma_peak.h"
#include "tests/bench/in_turn.h"

namespace {

using namespace fedqat;
using namespace fedqat::kernels;

struct Shape {
  const char* product;  // "fwd": x [m,k] w [n,k]; "dx": dy [m,k] w [k,n]; "dw": dy [k,m] x [k,n]
  int m, n, k;
};

constexpr Shape kShapes[] = {
    {"fwd", 32, 256, 784},   {"dw", 256, 784, 32},                            // MLP
    {"fwd", 32, 256, 561},   {"dw", 256, 561, 32},                            //
    {"fwd", 32, 128, 256},   {"dx", 32, 256, 128},   {"dw", 128, 256, 32},    //
    {"fwd", 32, 10, 128},    {"dx", 32, 128, 10},    {"dw", 10, 128, 32},     //
    {"fwd", 25088, 6, 25},   {"dw", 6, 25, 25088},                            // LeNet-5
    {"fwd", 3200, 16, 150},  {"dx", 3200, 150, 16},  {"dw", 16, 150, 3200},   //
    {"fwd", 21632, 32, 9},   {"dw", 32, 9, 21632},                            // CNNs
    {"fwd", 18432, 64, 288}, {"dx", 18432, 288, 64}, {"dw", 64, 288, 18432},  //
    {"fwd", 1024, 64, 288},  {"dx", 1024, 288, 64},  {"dw", 64, 288, 1024},   //
    {"fwd", 32, 128, 9216},  {"dx", 32, 9216, 128},  {"dw", 128, 9216, 32},   //
    {"fwd", 32768, 32, 75},  {"dw", 32, 75, 32768},                           //
    {"fwd", 8192, 64, 800},  {"dx", 8192, 800, 64},  {"dw", 64, 800, 8192},   //
    {"fwd", 32, 512, 4096},  {"dx", 32, 4096, 512},  {"dw", 512, 4096, 32},   //
};

Buffer<float> random_floats(int n, std::uint64_t seed) {
  Rng rng({.seed = seed});
  Buffer<float> x(static_cast<std::size_t>(n));
  for (auto& v : x.span()) v = static_cast<float>(rng.normal());
  return x;
}

struct Timing {
  double ours, peer, peak;
  bool exact;
};

Timing measure(const Shape& s, const SgemmKernel& kernel) {
  const auto a = random_floats(s.m * s.k, 1), b = random_floats(s.n * s.k, 2);
  const auto size = static_cast<std::size_t>(s.m * s.n);
  Buffer<float> c(size), peer(size), expected(size), scratch(kSgemmScratch);
  const bool ta = std::string_view(s.product) == "dw", tb = std::string_view(s.product) == "fwd";
  const int lda = ta ? s.m : s.k, ldb = tb ? s.k : s.n;
  SgemmArgs g{};
  g.m = s.m;
  g.n = s.n;
  g.k = s.k;
  g.a = a.data();
  (ta ? g.a_col : g.a_row) = lda;
  (ta ? g.a_row : g.a_col) = 1;
  g.b = b.data();
  (tb ? g.b_col : g.b_row) = ldb;
  (tb ? g.b_row : g.b_col) = 1;
  g.c = expected.data();
  g.ldc = s.n;
  g.scratch = scratch.data();
  sgemm_reference(g);
  g.c = c.data();
  const MultiplyPeak peak = fma_peak(kernel.isa);
  const auto theirs = [&] {
    dnnl_sgemm(ta ? 'T' : 'N', tb ? 'T' : 'N', s.m, s.n, s.k, 1.0F, a.data(), lda, b.data(), ldb,
               0.0F, peer.data(), s.n);
  };
  const auto t = medians({[&] { kernel.run(g); }, theirs, [&] { peak.run(); }});
  return {t[0], t[1], peak.operations / t[2],
          std::memcmp(c.data(), expected.data(), size * sizeof(float)) == 0};
}

}  // namespace

int main(int argc, char** argv) {
  omp_set_num_threads(1);
  const SgemmKernel* kernel = nullptr;
  for (const SgemmKernel& k : sgemm_kernels()) {
    if (kernel == nullptr && cpu_has(k.isa) && (argc < 2 || argv[1] == std::string_view(k.name)))
      kernel = &k;
  }
  if (kernel == nullptr) {
    std::fprintf(stderr, "sgemm_peers: no kernel '%s' on this machine\n", argv[1]);
    return 2;
  }
  std::printf("%-4s %6s %6s %6s  %8s %9s %8s %8s %9s %9s\n", "", "M", "N", "K", "kernel", "us",
              "GFLOP/s", "of peak", "oneDNN us", "x oneDNN");
  double log_sum = 0;
  bool all_exact = true;
  for (const Shape& s : kShapes) {
    const Timing r = measure(s, *kernel);
    const double operations = 2.0 * s.m * s.n * s.k;
    std::printf("%-4s %6d %6d %6d  %8s %9.2f %8.1f %7.1f%% %9.2f %9.3f%s\n", s.product, s.m, s.n,
                s.k, kernel->name, r.ours * 1e6, operations / r.ours * 1e-9,
                100 * operations / r.ours / r.peak, r.peer * 1e6, r.peer / r.ours,
                r.exact ? "" : "  NOT EXACT");
    std::fflush(stdout);
    log_sum += std::log(r.peer / r.ours);
    all_exact = all_exact && r.exact;
  }
  std::printf("geometric mean: %.3f x oneDNN\n", std::exp(log_sum / std::size(kShapes)));
  return all_exact ? 0 : 1;
}
