// One step of the trainer. Layers read and write the network's values; they own what only they
// need (accumulators, packed weights, positions of maxima).
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "common/kernels/elementwise/elementwise.h"
#include "common/kernels/gradient/gradient.h"
#include "common/kernels/sgemm/sgemm.h"
#include "common/nn/backward.h"
#include "common/nn/graph.h"
#include "common/nn/integer_ops.h"
#include "common/tensor/buffer.h"

namespace fedqat {

// A value for one batch: real [n, shape] in fp32 passes, codes [n, shape] in integer passes,
// gradient of the loss by the real value in both.
struct Value {
  Shape shape;
  ValueGrid grid;
  Buffer<std::uint8_t> codes;
  Buffer<float> real;
  Buffer<float> grad;
  bool wants_grad = true;  // false for the input
  bool shared = false;     // by several readers, whose gradients add up; a lone one sets it
};

// What a pass works on. Spans stay valid for the network's life.
struct Pass {
  std::span<Value> values;
  std::span<const float> params;  // Graph::params order
  std::span<float> grads;         // same order
  int n = 0;                      // samples in this batch
  bool integers = false;
  float* scratch = nullptr;     // kSgemmScratch floats
  bool training = false;        // a backward pass follows
  kernels::RandomKey random{};  // of int8 gradients; the stream is the step's number
  // fp32 passes of Conv2D and DepthwiseConv2D may come in pieces of the batch, in order: these n
  // samples from `first` on.
  int first = 0;
  bool last = true;  // the piece that ends the batch
};

class Layer {
 public:
  virtual ~Layer() = default;
  // Takes weights and scales from pass.params. Before the first pass and after params changed.
  virtual void load(const Pass&) {}
  // inputs -> output. backward() relies on what the forward() before it kept.
  virtual void forward(const Pass& pass) = 0;
  // Sets the gradients of inputs that want one, adds to those of shared ones; sets its own
  // parameters' gradients.
  virtual void backward(const Pass& pass) = 0;
};

// The layer of a step, for batches of up to max_batch samples.
std::unique_ptr<Layer> make_layer(const Graph& graph, const Step& step, int max_batch,
                                  Backward backward);

// LSQ's gradient of theta = log2 s from dscale = dL/ds: s ln2 dL/ds / sqrt(count * levels)
// [Esser20] section 2.2; count = values in a sample (activations) or channel (weights).
float log2_scale_gradient(float scale, float dscale, std::size_t count, int levels);

}  // namespace fedqat
