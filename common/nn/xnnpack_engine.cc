// The operators that have our rounding. Sums of products are qc8 convolutions: int32 sums times the
// float (s_x * s_w[c]) / s_y, rounded half to even. qs8 additions and poolings round in fixed point
// and are not ours; additions and means therefore run in f32, one operator for each operation of
// docs/numerics.md. XNNPACK's codes are signed: ours less 128.
#include "common/nn/xnnpack_engine.h"

#include <xnnpack.h>

#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "common/base/check.h"
#include "common/nn/integer_ops.h"
#include "common/tensor/buffer.h"

namespace fedqat {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Delete {
  void operator()(xnn_operator* op) const { xnn_delete_operator(op); }
};

struct Operator {
  std::unique_ptr<xnn_operator, Delete> op;
  std::function<xnn_status(xnn_operator_t, std::size_t n)> setup;  // for n samples
};

std::int8_t signed_code(std::int32_t code) { return static_cast<std::int8_t>(code - 128); }
std::uint32_t u32(int v) { return static_cast<std::uint32_t>(v); }
std::size_t size(int v) { return static_cast<std::size_t>(v); }

const char* text(xnn_status status) {
  switch (status) {
    case xnn_status_unsupported_hardware:
      return "no support for this processor";
    case xnn_status_unsupported_parameter:
      return "unsupported parameter";
    case xnn_status_invalid_parameter:
      return "invalid parameter";
    default:
      return "it fails";
  }
}

Error refused(const std::string& step, xnn_status status) {
  return {Errc::kInvalid, "layer " + step + ": XNNPACK cannot run it (" + text(status) +
                              "); use the builtin backend"};
}

}  // namespace

struct XnnpackEngine::Impl {
  Impl(const Graph& graph, const PackedModel& model, int max_batch);

  xnn_status add_step(const Step& s, const PackedStep& p);
  xnn_status set_up(std::size_t n);

  const std::size_t batch;
  const std::size_t inputs, outputs;   // of a sample
  const std::vector<ValueGrid> grids;  // by value
  std::vector<Buffer<std::int8_t>> codes;
  std::vector<Buffer<float>> reals;  // between f32 operators, and their constants
  Buffer<std::uint8_t> result;
  std::vector<Operator> operators;
  std::size_t set_up_for = 0;  // samples

 private:
  // Creates one by create(&operator), that setup(operator, n) makes ready.
  template <class Create, class Setup>
  xnn_status add(Create create, Setup setup);

  xnn_status products(const Step& s, const PackedStep& p, const std::int8_t* x, std::int8_t* y);
  xnn_status max_pool(const Step& s, const std::int8_t* x, std::int8_t* y);
  xnn_status relu(const Step& s, const ValueGrid& grid, const std::int8_t* x, std::int8_t* y);
  xnn_status average(const Step& s, const std::int8_t* x, std::int8_t* y);
  xnn_status sum(const Step& s, std::int8_t* y);

  float* real(std::size_t a_sample);
  // The same number for all.
  const float* constant(float value);
  // y = float(x - z) * scale
  xnn_status dequantize(std::size_t a_sample, const std::int8_t* x, const ValueGrid& grid,
                        float scale, float* y);
  xnn_status quantize(std::size_t a_sample, const float* x, const ValueGrid& grid, std::int8_t* y);
  template <class Create, class Setup>
  xnn_status binary(Create create, Setup setup, std::size_t a_sample, const float* a,
                    const float* b, bool b_is_constant, float* y);
  xnn_status divide(std::size_t a_sample, float* x, float by);
};

XnnpackEngine::Impl::Impl(const Graph& graph, const PackedModel& model, int max_batch)
    : batch(size(max_batch)),
      inputs(graph.spec.input.size()),
      outputs(size(graph.spec.classes)),
      grids(value_grids(graph, model)) {
  codes.emplace_back(batch * inputs);
  result = Buffer<std::uint8_t>(batch * outputs);
}

template <class Create, class Setup>
xnn_status XnnpackEngine::Impl::add(Create create, Setup setup) {
  xnn_operator_t op = nullptr;
  const xnn_status status = create(&op);
  if (status == xnn_status_success) {
    operators.push_back({std::unique_ptr<xnn_operator, Delete>(op), setup});
  }
  return status;
}

xnn_status XnnpackEngine::Impl::products(const Step& s, const PackedStep& p, const std::int8_t* x,
                                         std::int8_t* y) {
  const bool dense = s.op == Op::kDense, apart = s.op == Op::kDepthwiseConv2d;
  const Shape in = dense ? Shape{1, 1, static_cast<int>(s.in.size())} : s.in;
  const ValueGrid& from = grids[size(s.inputs[0])];
  const ValueGrid& to = grids[size(s.output)];
  const std::uint32_t ph = u32(s.padding_h), pw = u32(s.padding_w), stride = u32(s.stride);
  return add(
      [&](xnn_operator_t* op) {
        return xnn_create_convolution2d_nhwc_qc8(
            ph, pw, ph, pw, dense ? 1 : u32(s.kernel_h), dense ? 1 : u32(s.kernel_w), stride,
            stride, 1, 1, apart ? u32(in.c) : 1, apart ? 1 : size(in.c), apart ? 1 : size(s.out.c),
            size(in.c), size(s.out.c), signed_code(from.code.zero), from.scale,
            p.weight_scales.data(), p.weights.data(), p.bias.data(), signed_code(to.code.zero),
            to.scale, signed_code(to.code.low), signed_code(to.code.high), 0, op);
      },
      [=](xnn_operator_t op, std::size_t n) {
        return xnn_setup_convolution2d_nhwc_qc8(op, n, size(in.h), size(in.w), x, y, nullptr);
      });
}

xnn_status XnnpackEngine::Impl::max_pool(const Step& s, const std::int8_t* x, std::int8_t* y) {
  const Shape in = s.in;
  return add(
      [&](xnn_operator_t* op) {
        return xnn_create_max_pooling2d_nhwc_s8(0, 0, 0, 0, u32(s.kernel_h), u32(s.kernel_w),
                                                u32(s.stride), u32(s.stride), 1, 1, size(in.c),
                                                size(in.c), size(in.c), -128, 127, 0, op);
      },
      [=](xnn_operator_t op, std::size_t n) {
        return xnn_setup_max_pooling2d_nhwc_s8(op, n, size(in.h), size(in.w), x, y, nullptr);
      });
}

xnn_status XnnpackEngine::Impl::relu(const Step& s, const ValueGrid& grid, const std::int8_t* x,
                                     std::int8_t* y) {
  const std::size_t all = s.out.size();
  return add(
      [&](xnn_operator_t* op) {
        return xnn_create_clamp_nc_s8(all, all, all, signed_code(grid.code.zero), 127, 0, op);
      },
      [=](xnn_operator_t op, std::size_t n) {
        return xnn_setup_clamp_nc_s8(op, n, x, y, nullptr);
      });
}

float* XnnpackEngine::Impl::real(std::size_t a_sample) {
  return reals.emplace_back(batch * a_sample).data();
}

const float* XnnpackEngine::Impl::constant(float value) {
  float* const at = reals.emplace_back(1).data();
  *at = value;
  return at;
}

xnn_status XnnpackEngine::Impl::dequantize(std::size_t a_sample, const std::int8_t* x,
                                           const ValueGrid& grid, float scale, float* y) {
  return add(
      [&](xnn_operator_t* op) {
        return xnn_create_convert_nc_qs8_f32(a_sample, a_sample, a_sample, scale,
                                             signed_code(grid.code.zero), 0, op);
      },
      [=](xnn_operator_t op, std::size_t n) {
        return xnn_setup_convert_nc_qs8_f32(op, n, x, y, nullptr);
      });
}

xnn_status XnnpackEngine::Impl::quantize(std::size_t a_sample, const float* x,
                                         const ValueGrid& grid, std::int8_t* y) {
  return add(
      [&](xnn_operator_t* op) {
        return xnn_create_convert_nc_f32_qs8(
            a_sample, a_sample, a_sample, 1.0F, signed_code(grid.code.zero),
            signed_code(grid.code.low), signed_code(grid.code.high), 0, op);
      },
      [=](xnn_operator_t op, std::size_t n) {
        return xnn_setup_convert_nc_f32_qs8(op, n, x, y, nullptr);
      });
}

template <class Create, class Setup>
xnn_status XnnpackEngine::Impl::binary(Create create, Setup setup, std::size_t a_sample,
                                       const float* a, const float* b, bool b_is_constant,
                                       float* y) {
  return add([&](xnn_operator_t* op) { return create(-kInfinity, kInfinity, 0, op); },
             [=](xnn_operator_t op, std::size_t n) {
               const std::size_t all = n * a_sample, one = b_is_constant ? 1 : all;
               return setup(op, 1, &all, 1, &one, a, b, y, nullptr);
             });
}

xnn_status XnnpackEngine::Impl::divide(std::size_t a_sample, float* x, float by) {
  return binary(xnn_create_divide_nd_f32, xnn_setup_divide_nd_f32, a_sample, x, constant(by), true,
                x);
}

// Sums as products with ones, for the operators of means multiply by 1 / count.
xnn_status XnnpackEngine::Impl::average(const Step& s, const std::int8_t* x, std::int8_t* y) {
  const Shape in = s.in;
  const ValueGrid& from = grids[size(s.inputs[0])];
  const ValueGrid& to = grids[size(s.output)];
  const std::size_t taps = size(s.kernel_h) * size(s.kernel_w), out = s.out.size();
  const std::vector<float> ones(taps * size(in.c), 1.0F);
  float* const exact = real(in.size());
  float* const mean = real(out);
  xnn_status status = dequantize(in.size(), x, from, 1.0F, exact);
  if (status != xnn_status_success) return status;
  status = add(
      [&](xnn_operator_t* op) {
        return xnn_create_convolution2d_nhwc_f32(0, 0, 0, 0, u32(s.kernel_h), u32(s.kernel_w),
                                                 u32(s.stride), u32(s.stride), 1, 1, u32(in.c), 1,
                                                 1, size(in.c), size(in.c), ones.data(), nullptr,
                                                 -kInfinity, kInfinity, 0, op);
      },
      [=](xnn_operator_t op, std::size_t n) {
        return xnn_setup_convolution2d_nhwc_f32(op, n, size(in.h), size(in.w), exact, mean,
                                                nullptr);
      });
  if (status != xnn_status_success) return status;
  status = divide(out, mean, static_cast<float>(taps));
  if (status != xnn_status_success) return status;
  status = binary(xnn_create_multiply_nd_f32, xnn_setup_multiply_nd_f32, out, mean,
                  constant(from.scale), true, mean);
  if (status != xnn_status_success) return status;
  status = divide(out, mean, to.scale);
  return status == xnn_status_success ? quantize(out, mean, to, y) : status;
}

xnn_status XnnpackEngine::Impl::sum(const Step& s, std::int8_t* y) {
  const std::size_t out = s.out.size();
  float* term[2];
  for (int i = 0; i < 2; ++i) {
    const std::size_t value = size(s.inputs[size(i)]);
    term[i] = real(out);
    const auto status =
        dequantize(out, codes[value].data(), grids[value], grids[value].scale, term[i]);
    if (status != xnn_status_success) return status;
  }
  xnn_status status =
      binary(xnn_create_add_nd_f32, xnn_setup_add_nd_f32, out, term[0], term[1], false, term[0]);
  if (status != xnn_status_success) return status;
  status = divide(out, term[0], grids[size(s.output)].scale);
  return status == xnn_status_success ? quantize(out, term[0], grids[size(s.output)], y) : status;
}

xnn_status XnnpackEngine::Impl::add_step(const Step& s, const PackedStep& p) {
  const std::size_t value = size(s.inputs[0]);
  codes.emplace_back(batch * s.out.size());
  const std::int8_t* x = codes[value].data();
  std::int8_t* y = codes.back().data();
  switch (s.op) {
    case Op::kDense:
    case Op::kConv2d:
    case Op::kDepthwiseConv2d:
      return products(s, p, x, y);
    case Op::kMaxPool:
      return max_pool(s, x, y);
    case Op::kAvgPool:
      return average(s, x, y);
    case Op::kAdd:
      return sum(s, y);
    case Op::kRelu:
      return relu(s, grids[value], x, y);
    case Op::kInput:
    case Op::kFlatten:
    case Op::kBatchNorm:
      break;
  }
  return xnn_status_unsupported_parameter;
}

xnn_status XnnpackEngine::Impl::set_up(std::size_t n) {
  if (n == set_up_for) return xnn_status_success;
  for (const Operator& o : operators) {
    const xnn_status status = o.setup(o.op.get(), n);
    if (status != xnn_status_success) return status;
  }
  set_up_for = n;
  return xnn_status_success;
}

XnnpackEngine::XnnpackEngine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
XnnpackEngine::~XnnpackEngine() = default;
XnnpackEngine::XnnpackEngine(XnnpackEngine&&) noexcept = default;

Result<void> XnnpackEngine::available() {
  if (xnn_initialize(nullptr) == xnn_status_success) return {};
  return Error{Errc::kInvalid, "XNNPACK does not run on this processor; use the builtin backend"};
}

Result<XnnpackEngine> XnnpackEngine::make(const Graph& graph, const PackedModel& model,
                                          int max_batch) {
  if (auto ok = available(); !ok) return ok.error();
  if (model.quant.is_float() || model.quant.is_dynamic()) {
    return Error{Errc::kInvalid,
                 "XNNPACK runs integer models only; use the builtin backend for this one"};
  }
  auto impl = std::make_unique<Impl>(graph, model, max_batch);
  for (std::size_t i = 0; i < graph.steps.size(); ++i) {
    const Step& s = graph.steps[i];
    const xnn_status status = impl->add_step(s, model.steps[i]);
    if (status != xnn_status_success) return refused(s.name, status);
  }
  if (const auto status = impl->set_up(impl->batch); status != xnn_status_success) {
    return refused("of the whole model", status);
  }
  return XnnpackEngine(std::move(impl));
}

std::span<const std::uint8_t> XnnpackEngine::run(const std::uint8_t* codes, int n) {
  Impl& m = *impl_;
  const std::size_t samples = size(n);
  FEDQAT_CHECK(n >= 1 && samples <= m.batch);
  for (std::size_t i = 0; i < samples * m.inputs; ++i) m.codes[0][i] = signed_code(codes[i]);
  // What was ready for the whole batch is so for fewer samples, and needs no memory.
  FEDQAT_CHECK(m.set_up(samples) == xnn_status_success);
  for (const Operator& o : m.operators) {
    FEDQAT_CHECK(xnn_run_operator(o.op.get(), nullptr) == xnn_status_success);
  }
  for (std::size_t i = 0; i < samples * m.outputs; ++i) {
    m.result[i] = static_cast<std::uint8_t>(m.codes.back()[i] + 128);
  }
  return m.result.span().first(samples * m.outputs);
}

}  // namespace fedqat
