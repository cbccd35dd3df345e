// One step of the trainer. Layers read and write the network's values; what only they need
// (accumulators, packed weights, positions of maxima) is their own, in places of the network's
// plan.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "common/base/team.h"
#include "common/kernels/elementwise/elementwise.h"
#include "common/kernels/gradient/gradient.h"
#include "common/kernels/sgemm/sgemm.h"
#include "common/nn/backward.h"
#include "common/nn/graph.h"
#include "common/nn/integer_ops.h"
#include "common/tensor/buffer.h"
#include "common/tensor/memory_plan.h"

namespace fedqat {

struct Pass;
class Layer;

// Makes the real values of a training pass where they are read, a sample at a time, so that they
// stay in the cache and take no memory.
class SampleSource {
 public:
  virtual ~SampleSource() = default;
  // Those of sample s, until the next call.
  virtual const float* sample(std::ptrdiff_t s) = 0;
  // The reader has set the gradient of sample s: all samples, in order.
  virtual void take_gradient(std::ptrdiff_t s) = 0;
};

// A value for one batch: real [n, shape] in fp32 passes, codes [n, shape] in integer passes, with
// the residual of their rounding (kernels/qgemm) where an int8 backward pass follows, gradient of
// the loss by the real value in both; during the ticks in which someone needs them.
struct Value {
  Shape shape;
  ValueGrid grid;
  Buffer<std::uint8_t> codes;
  Buffer<std::int8_t> residual;
  Buffer<float> real;
  Buffer<float> grad;          // empty with `maxima`
  Buffer<std::uint8_t> which;  // of a MaxPool: where the maximum is (kernels/pool)
  // With an int8 backward pass, where the lone reader is a MaxPool whose windows do not overlap:
  // that one's output, which has all that is needed. Its residual is that of the maxima.
  int maxima = kNone;
  bool wants_grad = true;  // false for the input
  bool shared = false;     // by several readers, whose gradients add up; a lone one sets it
  int last_reader = 0;     // step
  // Instead of `real`, which is its own then; null: `real` has the values.
  SampleSource* source = nullptr;

  const float* real_sample(std::ptrdiff_t s) const {
    if (source != nullptr) return source->sample(s);
    return real.data() + s * static_cast<std::ptrdiff_t>(shape.size());
  }
  void gradient_is_set(std::ptrdiff_t s) const {
    if (source != nullptr) source->take_gradient(s);
  }
};

// What a pass works on. Spans stay valid for the network's life.
struct Pass {
  std::span<Value> values;
  std::span<const float> params;  // Graph::params order
  std::span<float> grads;         // same order, from params[first_grad] on
  std::size_t first_grad = 0;
  // Of weights whose layer streams_weights(); null: their gradients go to grads too.
  GradientSink* sink = nullptr;
  int n = 0;  // samples in this batch
  bool integers = false;
  float* scratch = nullptr;     // kSgemmScratch floats
  bool training = false;        // a backward pass follows
  kernels::RandomKey random{};  // of int8 gradients; the stream is the step's number
  // fp32 passes of Conv2D and DepthwiseConv2D may come in pieces of the batch, in order: these n
  // samples from `first` on.
  int first = 0;
  bool last = true;  // the piece that ends the batch

  std::span<float> grad(const ParamTensor& p) const {
    return grads.subspan(p.offset - first_grad, p.size);
  }
};

// Where and when a layer has memory. Its load() and forward() are one tick, backward() another.
// And the threads that it may work with, which outlive it.
struct LayerMemory {
  MemoryPlan& plan;
  Team& team;
  int max_batch;
  bool integers;
  Lifetime forward, backward;
  const Step* maxima = nullptr;  // the MaxPool of Value::maxima
  bool by_sample = false;        // the output's reader takes Value::source

  Lifetime kept() const { return {forward.first, backward.last}; }
};

class Layer {
 public:
  virtual ~Layer() = default;
  // Takes weights and scales from pass.params, for the forward() and backward() that follow.
  virtual void load(const Pass&) {}
  // inputs -> output. backward() relies on what the forward() before it kept.
  virtual void forward(const Pass& pass) = 0;
  // Sets the gradients of inputs that want one, adds to those of shared ones; sets its own
  // parameters' gradients.
  virtual void backward(const Pass& pass) = 0;
  // Whether backward() gives the gradients of its weights to pass.sink, piece by piece.
  virtual bool streams_weights() const { return false; }
};

// The layer of a step, for batches of up to memory.max_batch samples and passes of one kind. Its
// buffers are there after memory.plan.place().
std::unique_ptr<Layer> make_layer(const Graph& graph, const Step& step, const LayerMemory& memory,
                                  Backward backward);

// LSQ's gradient of theta = log2 s from dscale = dL/ds: s ln2 dL/ds / sqrt(count * levels)
// [Esser20] section 2.2; count = values in a sample (activations) or channel (weights).
float log2_scale_gradient(float scale, float dscale, std::size_t count, int levels);
// For many channels: norm = log2_scale_norm(count, levels) = sqrt(count * levels).
float log2_scale_norm(std::size_t count, int levels);
float log2_scale_gradient(float scale, float dscale, float norm);

// The same for scales of weights [channels, fan_in]: dtheta [channels], or [1] for a scale of the
// whole tensor, to which the channels add their parts in their order.
class WeightScaleGradient {
 public:
  WeightScaleGradient(std::span<float> dtheta, std::size_t channels, std::size_t fan_in, int levels)
      : dtheta_(dtheta),
        norm_(log2_scale_norm(dtheta.size() == 1 ? fan_in * channels : fan_in, levels)) {}
  void set(std::size_t channel, float scale, float dscale) {
    const float g = log2_scale_gradient(scale, dscale, norm_);
    if (dtheta_.size() > 1) {
      dtheta_[channel] = g;
    } else {
      dtheta_[0] = channel == 0 ? g : dtheta_[0] + g;
    }
  }

 private:
  std::span<float> dtheta_;
  float norm_;
};

}  // namespace fedqat
