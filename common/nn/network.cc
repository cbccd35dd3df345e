#include "common/nn/network.h"

#include <algorithm>
#include <vector>

#include "common/base/check.h"
#include "common/base/exact_math.h"
#include "common/base/rng.h"
#include "common/nn/layers/layer.h"

namespace fedqat {

namespace {

kernels::RandomKey random_key(const BatchKey& k) {
  return philox4x32(
      {k.batch, k.round, k.client, static_cast<std::uint32_t>(Purpose::kGradientRound)},
      {static_cast<std::uint32_t>(k.seed), static_cast<std::uint32_t>(k.seed >> 32)});
}

}  // namespace

struct Network::Impl {
  Impl(const Graph& g, const InputGrid& in, int batch) : graph(g), input(in), max_batch(batch) {}

  const Graph& graph;
  const InputGrid input;
  const int max_batch;
  std::vector<Value> values;
  std::vector<std::unique_ptr<Layer>> layers;  // parallel to graph.steps
  std::vector<float> params, grads;
  std::vector<std::int32_t> zero_points;
  Buffer<float> scratch{kernels::kSgemmScratch};
  Buffer<float> logits;
  bool integers = false;
  bool training = false;
  kernels::RandomKey random{};

  Pass pass(int n) {
    return {values, params, grads, n, integers, scratch.data(), training, random};
  }

  // Scales follow params, which the optimizer moves between batches.
  void refresh() {
    if (integers) {
      for (const Step& s : graph.steps) {
        Value& y = values[static_cast<std::size_t>(s.output)];
        if (s.activation_scale == kNone) {
          y.grid = values[static_cast<std::size_t>(s.inputs[0])].grid;
          continue;
        }
        const auto& p = graph.params[static_cast<std::size_t>(s.activation_scale)];
        const auto step_index = static_cast<std::size_t>(s.output) - 1;
        y.grid = output_grid(s, static_cast<float>(exact_exp2(params[p.offset])),
                             zero_points[step_index]);
      }
    }
    const Pass p = pass(0);
    for (auto& layer : layers) layer->load(p);
  }

  void forward(const std::uint8_t* codes, int n) {
    FEDQAT_DCHECK(n >= 1 && n <= max_batch);
    Value& x = values[0];
    const std::size_t size = static_cast<std::size_t>(n) * x.shape.size();
    if (integers) {
      std::copy_n(codes, size, x.codes.data());
    } else {
      kernels::elementwise().dequantize(codes, static_cast<std::ptrdiff_t>(size), input.scale,
                                        input.zero, x.real.data());
    }
    const Pass p = pass(n);
    for (auto& layer : layers) layer->forward(p);
    const Value& y = values.back();
    const std::size_t outputs = static_cast<std::size_t>(n) * y.shape.size();
    if (integers) {
      kernels::elementwise().dequantize(y.codes.data(), static_cast<std::ptrdiff_t>(outputs),
                                        y.grid.scale, y.grid.code.zero, logits.data());
    } else {
      std::copy_n(y.real.data(), outputs, logits.data());
    }
  }

  std::span<const float> batch_logits(int n) const {
    return {logits.data(), static_cast<std::size_t>(n) * values.back().shape.size()};
  }
};

Network::Network(const Graph& graph, const InputGrid& input, int max_batch, Backward backward)
    : impl_(std::make_unique<Impl>(graph, input, max_batch)) {
  FEDQAT_CHECK(max_batch >= 1);
  const auto make_value = [&](const Shape& shape) {
    Value v;
    const std::size_t size = static_cast<std::size_t>(max_batch) * shape.size();
    v.shape = shape;
    v.real = Buffer<float>(size);
    v.grad = Buffer<float>(size);
    if (!graph.quant.is_float()) v.codes = Buffer<std::uint8_t>(size);
    return v;
  };
  impl_->values.push_back(make_value(graph.spec.input));
  impl_->values[0].grid = {input.scale, {input.zero, 0, 255}};
  impl_->values[0].wants_grad = false;
  for (const Step& s : graph.steps) {
    impl_->values.push_back(make_value(s.out));
    impl_->layers.push_back(make_layer(graph, s, max_batch, backward));
  }
  std::vector<int> readers(impl_->values.size(), 0);
  for (const Step& s : graph.steps) {
    for (const int in : s.inputs) ++readers[static_cast<std::size_t>(in)];
  }
  for (std::size_t i = 0; i < readers.size(); ++i) impl_->values[i].shared = readers[i] != 1;
  impl_->params.resize(graph.param_count);
  impl_->grads.resize(graph.param_count);
  impl_->logits =
      Buffer<float>(static_cast<std::size_t>(max_batch) * impl_->values.back().shape.size());
}

Network::~Network() = default;
Network::Network(Network&&) noexcept = default;

void Network::load(const ModelState& state) {
  FEDQAT_CHECK(state.params.size() == impl_->params.size());
  FEDQAT_CHECK(state.zero_points.size() == impl_->graph.steps.size());
  FEDQAT_CHECK(!state.quantized || !impl_->graph.quant.is_float());
  impl_->params = state.params;
  impl_->zero_points = state.zero_points;
  impl_->integers = state.quantized;
  std::fill(impl_->grads.begin(), impl_->grads.end(), 0.0F);
}

std::span<const float> Network::real_value(int i, int n) const {
  FEDQAT_CHECK(!impl_->integers && n >= 1 && n <= impl_->max_batch);
  const Value& v = impl_->values[static_cast<std::size_t>(i)];
  return v.real.span().first(static_cast<std::size_t>(n) * v.shape.size());
}

std::span<float> Network::params() { return impl_->params; }
std::span<float> Network::grads() { return impl_->grads; }

BatchStats Network::train_batch(const std::uint8_t* codes, const std::uint8_t* labels, int n,
                                const BatchKey& key) {
  Impl& m = *impl_;
  m.training = true;
  m.random = random_key(key);
  m.refresh();
  m.forward(codes, n);
  for (Value& v : m.values) {
    if (v.wants_grad && v.shared) {
      std::fill_n(v.grad.data(), static_cast<std::size_t>(n) * v.shape.size(), 0.0F);
    }
  }
  Value& y = m.values.back();
  const auto outputs = static_cast<std::size_t>(n) * y.shape.size();
  const BatchStats stats =
      softmax_cross_entropy(m.batch_logits(n), labels, n, y.grad.span().first(outputs));
  const Pass p = m.pass(n);
  for (auto layer = m.layers.rbegin(); layer != m.layers.rend(); ++layer) (*layer)->backward(p);
  m.training = false;
  return stats;
}

void Network::infer_batch(const std::uint8_t* codes, int n) {
  impl_->refresh();
  impl_->forward(codes, n);
}

BatchStats Network::eval_batch(const std::uint8_t* codes, const std::uint8_t* labels, int n) {
  infer_batch(codes, n);
  return softmax_cross_entropy(impl_->batch_logits(n), labels, n, {});
}

void Network::observe_batch(const std::uint8_t* codes, int n, std::span<Log2Histogram> histograms) {
  Impl& m = *impl_;
  FEDQAT_CHECK(!m.integers && histograms.size() == m.graph.steps.size());
  m.refresh();
  m.forward(codes, n);
  for (std::size_t i = 0; i < m.graph.steps.size(); ++i) {
    if (!m.graph.steps[i].requantizes()) continue;
    const Value& y = m.values[i + 1];
    histograms[i].add(y.real.span().first(static_cast<std::size_t>(n) * y.shape.size()));
  }
}

std::span<const float> Network::logits() const { return impl_->logits.span(); }

std::span<const std::uint8_t> Network::output_codes() const {
  return impl_->integers ? impl_->values.back().codes.span() : std::span<const std::uint8_t>{};
}

}  // namespace fedqat
