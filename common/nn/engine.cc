#include "common/nn/engine.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "common/base/check.h"
#include "common/kernels/elementwise/elementwise.h"
#include "common/kernels/pool/pool.h"
#include "common/nn/depthwise_int.h"
#include "common/nn/dynamic_engine.h"
#include "common/nn/linear_int.h"
#include "common/nn/loss.h"
#include "common/nn/network.h"
#include "common/nn/xnnpack_engine.h"
#include "common/tensor/buffer.h"

namespace fedqat {
namespace {

// An fp32 model runs on the trainer's network: the same graph, forward only.
ModelState float_state(const Graph& graph, const PackedModel& model) {
  ModelState state;
  state.params.assign(graph.param_count, 0.0F);
  state.zero_points.assign(graph.steps.size(), 0);
  for (std::size_t i = 0; i < graph.steps.size(); ++i) {
    const Step& s = graph.steps[i];
    if (!s.has_weights()) continue;
    const auto put = [&](int index, const std::vector<float>& from) {
      const auto offset = graph.params[static_cast<std::size_t>(index)].offset;
      std::copy(from.begin(), from.end(),
                state.params.begin() + static_cast<std::ptrdiff_t>(offset));
    };
    put(s.weight, model.steps[i].float_weights);
    put(s.bias, model.steps[i].float_bias);
  }
  return state;
}

}  // namespace

struct Engine::Impl {
  Impl(PackedModel m, Graph g, int batch)
      : model(std::move(m)), graph(std::move(g)), max_batch(batch) {}

  const PackedModel model;
  const Graph graph;
  const int max_batch;
  Buffer<float> logits;
  std::optional<Network> network;        // fp32 models
  std::optional<DynamicEngine> dynamic;  // dynamic models
  std::optional<XnnpackEngine> xnnpack;  // instead of the rest
  // Integer models: parallel to graph.steps, values one longer.
  std::vector<std::optional<LinearInt>> linear;
  std::vector<std::optional<DepthwiseInt>> depthwise;
  std::vector<bool> pooled;  // step i makes the outputs of i + 1, too, and none of its own
  std::vector<ValueGrid> grids;
  std::vector<Buffer<std::uint8_t>> values;
  Buffer<std::int32_t> acc;

  void prepare_integers();
  bool pools(std::size_t i) const;
  void run_step(std::size_t i, int n);
  std::span<const std::uint8_t> run_steps(const std::uint8_t* codes, int n);
};

void Engine::Impl::prepare_integers() {
  const auto batch = static_cast<std::size_t>(max_batch);
  values.emplace_back(batch * graph.spec.input.size());
  linear.resize(graph.steps.size());
  depthwise.resize(graph.steps.size());
  pooled.resize(graph.steps.size());
  std::size_t largest = 0;
  for (std::size_t i = 0; i < graph.steps.size(); ++i) {
    const Step& s = graph.steps[i];
    const PackedStep& p = model.steps[i];
    const ValueGrid x = grids[static_cast<std::size_t>(s.inputs[0])];
    largest = std::max(largest, batch * s.out.size());
    const auto set = [&](auto& step) {
      step.emplace(s);
      step->set(p.weights.data(), p.weight_scales.data(), p.bias.data(), x, grids[i + 1]);
    };
    if (s.op == Op::kDepthwiseConv2d) {
      set(depthwise[i]);
    } else if (s.has_weights()) {
      set(linear[i]);
    }
    pooled[i] = pools(i);
    values.emplace_back(pooled[i] ? 0 : batch * s.out.size());
  }
  acc = Buffer<std::int32_t>(largest);
}

bool Engine::Impl::pools(std::size_t i) const {
  if (i + 1 == graph.steps.size() || !linear[i].has_value()) return false;
  const int value = graph.steps[i].output;
  std::ptrdiff_t readers = 0;
  for (const Step& s : graph.steps) readers += std::count(s.inputs.begin(), s.inputs.end(), value);
  const Step& next = graph.steps[i + 1];
  return readers == 1 && next.inputs[0] == value && linear[i]->pools(next);
}

void Engine::Impl::run_step(std::size_t i, int n) {
  const Step& s = graph.steps[i];
  const auto a = static_cast<std::size_t>(s.inputs[0]);
  const std::uint8_t* x = values[a].data();
  std::uint8_t* y = values[i + 1].data();
  const std::size_t in = s.in.size(), out = s.out.size();
  const auto samples = static_cast<std::size_t>(n);
  switch (s.op) {
    case Op::kDense:
    case Op::kConv2d:
      if (pooled[i]) return linear[i]->forward_pooled(x, n, values[i + 2].data());
      return linear[i]->forward(x, n, y);
    case Op::kDepthwiseConv2d:
      return depthwise[i]->infer(x, n, acc.data(), y);
    case Op::kMaxPool:
      for (std::size_t k = 0; k < samples; ++k) {
        kernels::max_pool(window_of(s), x + k * in, y + k * out, nullptr);
      }
      return;
    case Op::kAvgPool:
      for (std::size_t k = 0; k < samples; ++k) {
        average_pool_int(s, x + k * in, grids[a], acc.data(), grids[i + 1], y + k * out);
      }
      return;
    case Op::kAdd: {
      const auto b = static_cast<std::size_t>(s.inputs[1]);
      return add_int(add_args(samples * out, x, grids[a], values[b].data(), grids[b], grids[i + 1]),
                     y);
    }
    case Op::kRelu:
      return relu_int(samples * out, x, grids[a].code.zero, y);
    case Op::kInput:
    case Op::kFlatten:
    case Op::kBatchNorm:
      break;
  }
  check_failed("a step the engine knows", __FILE__, __LINE__);
}

std::span<const std::uint8_t> Engine::Impl::run_steps(const std::uint8_t* codes, int n) {
  std::copy_n(codes, static_cast<std::size_t>(n) * graph.spec.input.size(), values[0].data());
  for (std::size_t i = 0; i < graph.steps.size(); ++i) {
    if (i == 0 || !pooled[i - 1]) run_step(i, n);
  }
  return values.back().span();
}

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Engine::~Engine() = default;
Engine::Engine(Engine&&) noexcept = default;

Result<void> backend_available(Backend backend) {
  return backend == Backend::kXnnpack ? XnnpackEngine::available() : Result<void>{};
}

Result<Engine> Engine::make(PackedModel model, int max_batch, Backend backend) {
  FEDQAT_CHECK(max_batch >= 1);
  if (auto ok = validate(model); !ok) return ok.error();
  auto graph = build_graph(model.spec, model.quant);
  if (!graph) return graph.error();
  auto impl = std::make_unique<Impl>(std::move(model), std::move(*graph), max_batch);
  if (backend == Backend::kXnnpack) {
    auto made = XnnpackEngine::make(impl->graph, impl->model, max_batch);
    if (!made) return made.error();
    impl->xnnpack.emplace(std::move(*made));
    impl->grids = value_grids(impl->graph, impl->model);
  } else if (impl->model.quant.is_float()) {
    impl->network.emplace(impl->graph, impl->model.input, max_batch);
    impl->network->load(float_state(impl->graph, impl->model));
  } else if (impl->model.quant.is_dynamic()) {
    impl->dynamic.emplace(impl->graph, impl->model, max_batch);
  } else {
    impl->grids = value_grids(impl->graph, impl->model);
    impl->prepare_integers();
  }
  impl->logits = Buffer<float>(static_cast<std::size_t>(max_batch) *
                               static_cast<std::size_t>(impl->graph.spec.classes));
  return Engine(std::move(impl));
}

std::span<const std::uint8_t> Engine::run(const std::uint8_t* codes, int n) {
  Impl& m = *impl_;
  FEDQAT_CHECK(n >= 1 && n <= m.max_batch);
  const auto outputs = static_cast<std::size_t>(n) * static_cast<std::size_t>(m.graph.spec.classes);
  if (m.network) {
    m.network->infer_batch(codes, n);
    std::copy_n(m.network->logits().data(), outputs, m.logits.data());
    return {};
  }
  if (m.dynamic) {
    const auto y = m.dynamic->run(codes, n);
    std::copy(y.begin(), y.end(), m.logits.data());
    return {};
  }
  const auto result = m.xnnpack ? m.xnnpack->run(codes, n) : m.run_steps(codes, n);
  const ValueGrid& y = m.grids.back();
  kernels::elementwise().dequantize(result.data(), static_cast<std::ptrdiff_t>(outputs), y.scale,
                                    y.code.zero, m.logits.data());
  return result.first(outputs);
}

std::span<const float> Engine::logits() const { return impl_->logits.span(); }

EvalResult Engine::evaluate(const Dataset& data, std::size_t begin, std::size_t end) {
  Impl& m = *impl_;
  FEDQAT_CHECK(data.shape == m.graph.spec.input && data.classes == m.graph.spec.classes);
  FEDQAT_CHECK(begin <= end && end <= data.size());
  EvalResult result;
  const auto batch = static_cast<std::size_t>(m.max_batch);
  for (std::size_t i = begin; i < end; i += batch) {
    const std::size_t n = std::min(batch, end - i);
    run(data.sample(i).data(), static_cast<int>(n));
    const auto logits = m.logits.span().first(n * static_cast<std::size_t>(data.classes));
    const BatchStats stats =
        softmax_cross_entropy(logits, data.labels.data() + i, static_cast<int>(n), {});
    result.correct += static_cast<std::uint64_t>(stats.correct);
    result.loss += stats.loss;
    result.samples += n;
  }
  return result;
}

}  // namespace fedqat
