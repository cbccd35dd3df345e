#include "common/nn/network.h"

#include <algorithm>
#include <vector>

#include "common/base/check.h"
#include "common/base/rng.h"
#include "common/nn/layers/layer.h"
#include "common/nn/layers/linear_int8.h"
#include "common/nn/layers/range_learner.h"
#include "common/nn/learnt_scales.h"

namespace fedqat {

namespace {

kernels::RandomKey random_key(const BatchKey& k) {
  return philox4x32(
      {k.batch, k.round, k.client, static_cast<std::uint32_t>(Purpose::kGradientRound)},
      {static_cast<std::uint32_t>(k.seed), static_cast<std::uint32_t>(k.seed >> 32)});
}

// Gradients of params begin .. end - 1 lie behind one another.
struct StepParams {
  int begin = 0, end = 0;
  std::size_t offset = 0, size = 0;
};

// A step's own, without its weights where the layer streams them.
StepParams params_of(const Graph& graph, int step, bool streams_weights) {
  StepParams out;
  for (int i = 0; i < static_cast<int>(graph.params.size()); ++i) {
    const ParamTensor& p = graph.params[static_cast<std::size_t>(i)];
    if (p.step != step || (streams_weights && p.kind == ParamKind::kWeight)) continue;
    if (out.size == 0) {
      out.begin = i;
      out.offset = p.offset;
    }
    FEDQAT_CHECK(p.offset == out.offset + out.size);
    out.end = i + 1;
    out.size += p.size;
  }
  return out;
}

}  // namespace

struct Network::Impl {
  Impl(const Graph& g, const InputGrid& in, int batch, Backward how, Team* threads)
      : graph(g),
        input(in),
        max_batch(batch),
        backward(how),
        team(threads != nullptr ? *threads : alone),
        params(g.param_count) {}

  const Graph& graph;
  const InputGrid input;
  const int max_batch;
  const Backward backward;
  Team alone;
  Team& team;
  std::vector<Value> values;
  std::vector<std::unique_ptr<Layer>> layers;  // parallel to graph.steps
  std::vector<Buffer<float>> step_grads;       // "; of what its layer does not stream
  std::vector<StepParams> step_params;         // "
  Buffer<std::byte> memory;                    // of all of these
  std::vector<float> params, grads;
  std::vector<std::int32_t> zero_points;
  Buffer<float> scratch;  // for fp32 products, where there are any
  Buffer<float> logits;
  bool integers = false;
  bool training = false;
  kernels::RandomKey random{};

  // Ticks: forward passes of steps 0 .. s-1, the loss, backward passes of steps s-1 .. 0.
  int steps() const { return static_cast<int>(graph.steps.size()); }
  Lifetime forward_of(int step) const { return {step, step}; }
  Lifetime backward_of(int step) const { return {2 * steps() - step, 2 * steps() - step}; }

  void take_memory(bool for_integers);
  // Of a MaxPool whose input has Value::maxima: the convolution before it. Else kNone.
  int pools(int step) const;
  void add_value(MemoryPlan& plan, int value);
  bool read_by_sample(const Value& value) const;
  BatchStats train(const std::uint8_t* codes, const std::uint8_t* labels, int n,
                   GradientSink* sink);
  void backward_step(Pass pass, std::size_t step);

  Pass pass(int n) {
    return {values, params, grads, 0, nullptr, n, integers, scratch.data(), training, random};
  }

  // Scales follow params, which the optimizer moves between batches.
  void refresh() {
    if (!integers) return;
    for (const Step& s : graph.steps) {
      Value& y = values[static_cast<std::size_t>(s.output)];
      if (s.activation_scale == kNone) {
        y.grid = values[static_cast<std::size_t>(s.inputs[0])].grid;
        continue;
      }
      const auto step_index = static_cast<std::size_t>(s.output) - 1;
      y.grid = output_grid(s, activation_scale(graph, s, params),
                           zero_point(graph, s, params, zero_points[step_index]));
    }
  }

  void forward(const std::uint8_t* codes, int n) {
    FEDQAT_DCHECK(n >= 1 && n <= max_batch);
    refresh();
    Value& x = values[0];
    const std::size_t size = static_cast<std::size_t>(n) * x.shape.size();
    if (integers) {
      std::copy_n(codes, size, x.codes.data());
    } else {
      kernels::elementwise().dequantize(codes, static_cast<std::ptrdiff_t>(size), input.scale,
                                        input.zero, x.real.data());
    }
    const Pass p = pass(n);
    for (auto& layer : layers) {
      layer->load(p);
      layer->forward(p);
    }
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

int Network::Impl::pools(int step) const {
  const Step& pool = graph.steps[static_cast<std::size_t>(step)];
  if (pool.op != Op::kMaxPool || pool.kernel_h > pool.stride || pool.kernel_w > pool.stride) {
    return kNone;
  }
  const int from = pool.inputs[0] - 1;
  if (from < 0 || values[static_cast<std::size_t>(pool.inputs[0])].shared) return kNone;
  const Step& s = graph.steps[static_cast<std::size_t>(from)];
  if (s.op != Op::kConv2d || !LinearInt8::takes(s, integers, backward)) return kNone;
  return RangeLearner::needed(graph, s) ? kNone : from;  // which reads the whole gradient
}

void Network::Impl::add_value(MemoryPlan& plan, int value) {
  Value& v = values[static_cast<std::size_t>(value)];
  const std::size_t size = static_cast<std::size_t>(max_batch) * v.shape.size();
  const bool first = value == 0, last = value == steps();
  const int reader = last ? steps() : v.last_reader;  // the loss reads the last
  const bool pooled = !last && pools(reader) != kNone;
  const int conv = first ? kNone : pools(value - 1);
  const int until = conv != kNone ? conv : value - 1;  // the step whose backward pass reads it
  const Lifetime kept{
      first ? 0 : forward_of(value - 1).first,
      pooled ? forward_of(reader).last : backward_of(first || last ? 0 : until).last};
  if (integers) {
    plan.add(v.codes, size, {kept});
  } else {
    plan.add(v.real, size, {kept});
  }
  if (first) return;
  const Step& step = graph.steps[static_cast<std::size_t>(value - 1)];
  if (conv != kNone || LinearInt8::takes(step, integers, backward)) {
    plan.add(v.residual, size, {kept});
  }
  if (step.op == Op::kMaxPool) plan.add(v.which, size, {kept});
  if (pooled) return;
  plan.add(v.grad, size, {{last ? steps() : backward_of(reader).first, backward_of(until).last}});
}

bool Network::Impl::read_by_sample(const Value& value) const {
  const Op reader = graph.steps[static_cast<std::size_t>(value.last_reader)].op;
  return !value.shared &&
         (reader == Op::kConv2d || reader == Op::kDepthwiseConv2d || reader == Op::kAvgPool);
}

void Network::Impl::take_memory(bool for_integers) {
  integers = for_integers;
  values.clear();
  layers.clear();
  step_params.clear();
  step_grads.clear();
  memory = {};
  MemoryPlan plan;
  values.resize(graph.steps.size() + 1);
  step_grads.resize(graph.steps.size());
  values[0].shape = graph.spec.input;
  values[0].grid = {input.scale, {input.zero, 0, 255}};
  values[0].wants_grad = false;
  std::vector<int> readers(values.size(), 0);
  for (const Step& s : graph.steps) {
    values[static_cast<std::size_t>(s.output)].shape = s.out;
    for (const int in : s.inputs) {
      ++readers[static_cast<std::size_t>(in)];
      values[static_cast<std::size_t>(in)].last_reader = s.output - 1;
    }
  }
  for (std::size_t i = 0; i < readers.size(); ++i) values[i].shared = readers[i] != 1;
  for (std::size_t i = 0; i < readers.size(); ++i) add_value(plan, static_cast<int>(i));
  for (int i = 0; i < steps(); ++i) {
    const Step& s = graph.steps[static_cast<std::size_t>(i)];
    LayerMemory where{plan, team, max_batch, integers, forward_of(i), backward_of(i)};
    const int reader = values[static_cast<std::size_t>(s.output)].last_reader;
    where.by_sample = read_by_sample(values[static_cast<std::size_t>(s.output)]);
    if (i + 1 < steps() && pools(reader) != kNone) {
      where.maxima = &graph.steps[static_cast<std::size_t>(reader)];
      values[static_cast<std::size_t>(s.output)].maxima = where.maxima->output;
    }
    layers.push_back(make_layer(graph, s, where, backward));
    step_params.push_back(params_of(graph, i, layers.back()->streams_weights()));
    plan.add(step_grads[static_cast<std::size_t>(i)], step_params.back().size, {backward_of(i)});
  }
  bool products = !integers;
  for (const Step& s : graph.steps) {
    const auto& layer = layers[static_cast<std::size_t>(s.output - 1)];
    products = products || (s.has_weights() && !layer->streams_weights());
  }
  scratch = {};
  if (products) plan.add(scratch, kernels::kSgemmScratch, {{0, 2 * steps()}});
  memory = plan.place();
  logits = Buffer<float>(static_cast<std::size_t>(max_batch) * values.back().shape.size());
}

BatchStats Network::Impl::train(const std::uint8_t* codes, const std::uint8_t* labels, int n,
                                GradientSink* sink) {
  training = true;
  forward(codes, n);
  Value& y = values.back();
  const auto outputs = static_cast<std::size_t>(n) * y.shape.size();
  const BatchStats stats =
      softmax_cross_entropy(batch_logits(n), labels, n, y.grad.span().first(outputs));
  Pass p = pass(n);
  p.sink = sink;
  for (std::size_t i = layers.size(); i-- > 0;) backward_step(p, i);
  training = false;
  return stats;
}

void Network::Impl::backward_step(Pass p, std::size_t step) {
  for (const int in : graph.steps[step].inputs) {
    Value& x = values[static_cast<std::size_t>(in)];
    if (!x.wants_grad || !x.shared || x.last_reader != static_cast<int>(step)) continue;
    std::fill_n(x.grad.data(), static_cast<std::size_t>(p.n) * x.shape.size(), 0.0F);
  }
  if (p.sink == nullptr) return layers[step]->backward(p);
  const StepParams& own = step_params[step];
  p.grads = step_grads[step].span();
  p.first_grad = own.offset;
  // Layers set none for what takes no part in this kind of passes: 0.
  for (int i = own.begin; i < own.end; ++i) {
    const ParamTensor& t = graph.params[static_cast<std::size_t>(i)];
    if (integers ? !is_batch_norm(t) : !is_scale(t)) continue;
    const auto g = p.grad(t);
    std::fill(g.begin(), g.end(), 0.0F);
  }
  layers[step]->backward(p);
  for (int i = own.begin; i < own.end; ++i) {
    p.sink->take(i, 0, p.grad(graph.params[static_cast<std::size_t>(i)]));
  }
}

Network::Network(const Graph& graph, const InputGrid& input, int max_batch, Backward backward,
                 Team* team)
    : impl_(std::make_unique<Impl>(graph, input, max_batch, backward, team)) {
  FEDQAT_CHECK(max_batch >= 1);
}

Network::~Network() = default;
Network::Network(Network&&) noexcept = default;

void Network::load(const ModelState& state) {
  FEDQAT_CHECK(state.params.size() == impl_->graph.param_count);
  FEDQAT_CHECK(state.zero_points.size() == impl_->graph.steps.size());
  FEDQAT_CHECK(!state.quantized || !impl_->graph.quant.is_float());
  if (impl_->layers.empty() || impl_->integers != state.quantized) {
    impl_->take_memory(state.quantized);
  }
  impl_->params = state.params;
  impl_->zero_points = state.zero_points;
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
  m.grads.resize(m.graph.param_count);
  m.random = random_key(key);
  return m.train(codes, labels, n, nullptr);
}

BatchStats Network::train_batch(const std::uint8_t* codes, const std::uint8_t* labels, int n,
                                const BatchKey& key, GradientSink& sink) {
  impl_->random = random_key(key);
  return impl_->train(codes, labels, n, &sink);
}

void Network::infer_batch(const std::uint8_t* codes, int n) { impl_->forward(codes, n); }

BatchStats Network::eval_batch(const std::uint8_t* codes, const std::uint8_t* labels, int n) {
  infer_batch(codes, n);
  return softmax_cross_entropy(impl_->batch_logits(n), labels, n, {});
}

void Network::observe_batch(const std::uint8_t* codes, int n, std::span<Log2Histogram> histograms) {
  Impl& m = *impl_;
  FEDQAT_CHECK(!m.integers && histograms.size() == m.graph.steps.size());
  m.forward(codes, n);
  for (std::size_t i = 0; i < m.graph.steps.size(); ++i) {
    if (!m.graph.steps[i].requantizes()) continue;
    const Value& y = m.values[i + 1];
    histograms[i].add(y.real.span().first(static_cast<std::size_t>(n) * y.shape.size()));
  }
}

std::vector<float> Network::release_params() && { return std::move(impl_->params); }

std::size_t Network::pass_bytes() const { return impl_->memory.size(); }

std::span<const float> Network::logits() const { return impl_->logits.span(); }

std::span<const std::uint8_t> Network::output_codes() const {
  return impl_->integers ? impl_->values.back().codes.span() : std::span<const std::uint8_t>{};
}

}  // namespace fedqat
