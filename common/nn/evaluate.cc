#include "common/nn/evaluate.h"

#include <algorithm>
#include <optional>

#include "common/base/check.h"

namespace fedqat {
namespace {

constexpr int kBatch = 64;
constexpr std::size_t kSlice = 4 * kBatch;

std::size_t slices(const Dataset& test) { return (test.size() + kSlice - 1) / kSlice; }

// One engine a worker, so that no two threads share one.
Result<std::vector<Engine>> make_engines(const PackedModel& model, int workers, Backend backend) {
  std::vector<Engine> engines;
  for (int i = 0; i < workers; ++i) {
    auto engine = Engine::make(model, kBatch, backend);
    if (!engine) return engine.error();
    engines.push_back(std::move(*engine));
  }
  return engines;
}

// body(engine, slice, first sample, one behind the last)
template <class Body>
Result<void> for_each_slice(const PackedModel& model, const Dataset& test, ThreadPool& pool,
                            Backend backend, const Body& body) {
  auto engines = make_engines(model, pool.size(), backend);
  if (!engines) return engines.error();
  pool.for_each(slices(test), [&](std::size_t i, int worker) {
    body((*engines)[static_cast<std::size_t>(worker)], i, i * kSlice,
         std::min(test.size(), (i + 1) * kSlice));
  });
  return {};
}

std::size_t argmax(std::span<const float> logits) {
  return static_cast<std::size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

}  // namespace

PackedModel deployed_model(const Graph& graph, const ModelState& state, const InputGrid& input) {
  if (state.quantized || graph.quant.is_float()) return pack_model(graph, state, input);
  const auto plain = build_graph(graph.spec, graph.quant.in_fp32());
  FEDQAT_CHECK(plain);  // the same network without scales
  ModelState floats;
  floats.params.resize(plain->param_count);
  floats.zero_points.assign(plain->steps.size(), 0);
  for (const ParamTensor& to : plain->params) {
    const auto from = std::find_if(graph.params.begin(), graph.params.end(), [&](const auto& p) {
      return p.step == to.step && p.kind == to.kind;
    });
    FEDQAT_CHECK(from != graph.params.end() && from->size == to.size);
    std::copy_n(state.params.begin() + static_cast<std::ptrdiff_t>(from->offset), to.size,
                floats.params.begin() + static_cast<std::ptrdiff_t>(to.offset));
  }
  return pack_model(*plain, floats, input);
}

Result<EvalResult> evaluate(const PackedModel& model, const Dataset& test, ThreadPool& pool,
                            Backend backend) {
  std::vector<EvalResult> parts(slices(test));
  const auto ok =
      for_each_slice(model, test, pool, backend,
                     [&](Engine& engine, std::size_t i, std::size_t begin, std::size_t end) {
                       parts[i] = engine.evaluate(test, begin, end);
                     });
  if (!ok) return ok.error();
  EvalResult sum;
  for (const EvalResult& part : parts) {
    sum.samples += part.samples;
    sum.correct += part.correct;
    sum.loss += part.loss;
  }
  return sum;
}

Result<std::vector<double>> class_recall(const PackedModel& model, const Dataset& test,
                                         ThreadPool& pool) {
  std::vector<std::uint8_t> correct(test.size());
  const auto classes = static_cast<std::size_t>(test.classes);
  const auto ok =
      for_each_slice(model, test, pool, Backend::kBuiltin,
                     [&](Engine& engine, std::size_t, std::size_t begin, std::size_t end) {
                       for (std::size_t first = begin; first < end; first += kBatch) {
                         const std::size_t n = std::min<std::size_t>(kBatch, end - first);
                         engine.run(test.sample(first).data(), static_cast<int>(n));
                         for (std::size_t k = 0; k < n; ++k) {
                           const auto logits = engine.logits().subspan(k * classes, classes);
                           correct[first + k] = argmax(logits) == test.labels[first + k] ? 1 : 0;
                         }
                       }
                     });
  if (!ok) return ok.error();
  std::vector<double> hits(classes), all(classes);
  for (std::size_t i = 0; i < test.size(); ++i) {
    all[test.labels[i]] += 1;
    hits[test.labels[i]] += correct[i];
  }
  for (std::size_t c = 0; c < classes; ++c) hits[c] = all[c] > 0 ? hits[c] / all[c] : 0;
  return hits;
}

}  // namespace fedqat
