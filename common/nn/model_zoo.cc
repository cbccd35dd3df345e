#include <charconv>
#include <utility>

#include "common/nn/model_spec.h"

namespace fedqat {
namespace {

// Appends layers to a spec; each reads the one before unless told otherwise.
class Builder {
 public:
  explicit Builder(ModelSpec& spec) : spec_(spec) {
    spec_.nodes.push_back({.name = "input", .op = Op::kInput, .inputs = {}});
  }

  int last() const { return static_cast<int>(spec_.nodes.size()) - 1; }

  int dense(std::string name, int units) {
    return add({.name = std::move(name), .op = Op::kDense, .inputs = {last()}, .units = units});
  }
  struct Sides {
    int kh, kw, stride, padding_h, padding_w;
  };
  int conv(std::string name, int units, const Sides& sides) {
    return add({.name = std::move(name),
                .op = Op::kConv2d,
                .inputs = {last()},
                .units = units,
                .kernel_h = sides.kh,
                .kernel_w = sides.kw,
                .stride = sides.stride,
                .padding_h = sides.padding_h,
                .padding_w = sides.padding_w});
  }
  int conv(std::string name, int units, int kernel, int padding, int stride = 1) {
    return conv(std::move(name), units, {kernel, kernel, stride, padding, padding});
  }
  // As many rows and columns out as in; `kernel` is odd.
  int depthwise(std::string name, int kernel) {
    return add({.name = std::move(name),
                .op = Op::kDepthwiseConv2d,
                .inputs = {last()},
                .kernel_h = kernel,
                .kernel_w = kernel,
                .padding_h = kernel / 2,
                .padding_w = kernel / 2});
  }
  int batch_norm(std::string name) {
    return add({.name = std::move(name), .op = Op::kBatchNorm, .inputs = {last()}});
  }
  int relu() { return add({.name = numbered("relu"), .op = Op::kRelu, .inputs = {last()}}); }
  int max_pool(int kernel) {
    return add({.name = numbered("pool"),
                .op = Op::kMaxPool,
                .inputs = {last()},
                .kernel_h = kernel,
                .kernel_w = kernel,
                .stride = kernel});
  }
  int global_average(int h, int w) {
    return add(
        {.name = "average", .op = Op::kAvgPool, .inputs = {last()}, .kernel_h = h, .kernel_w = w});
  }
  int flatten() { return add({.name = "flatten", .op = Op::kFlatten, .inputs = {last()}}); }
  int sum(std::string name, int a, int b) {
    return add({.name = std::move(name), .op = Op::kAdd, .inputs = {a, b}});
  }

 private:
  int add(NodeSpec node) {
    spec_.nodes.push_back(std::move(node));
    return last();
  }
  std::string numbered(const char* stem) {
    return std::string(stem).append(std::to_string(spec_.nodes.size()));
  }

  ModelSpec& spec_;
};

std::string layer_name(int i) { return std::string("fc").append(std::to_string(i)); }

// "mlp-256-128" -> dense 256, dense 128, dense classes.
bool mlp(Builder& b, std::string_view widths, int classes) {
  b.flatten();
  int layer = 1;
  while (!widths.empty()) {
    int units = 0;
    const auto [end, error] = std::from_chars(widths.data(), widths.data() + widths.size(), units);
    if (error != std::errc{} || units < 1) return false;
    b.dense(layer_name(layer++), units);
    b.relu();
    widths.remove_prefix(static_cast<std::size_t>(end - widths.data()));
    if (widths.empty()) break;
    if (widths[0] != '-' || widths.size() == 1) return false;
    widths.remove_prefix(1);
  }
  b.dense(layer_name(layer), classes);
  return layer > 1;
}

// LeNet-5 [LeCun98] with ReLU and max pooling.
void lenet5(Builder& b, int classes) {
  b.conv("conv1", 6, 5, 2), b.relu(), b.max_pool(2);
  b.conv("conv2", 16, 5, 0), b.relu(), b.max_pool(2);
  b.flatten();
  b.dense("fc1", 120), b.relu();
  b.dense("fc2", 84), b.relu();
  b.dense("fc3", classes);
}

void two_convs(Builder& b, int c1, int c2, int kernel, int hidden, int classes) {
  b.conv("conv1", c1, kernel, kernel / 2), b.relu(), b.max_pool(2);
  b.conv("conv2", c2, kernel, kernel / 2), b.relu(), b.max_pool(2);
  b.flatten();
  b.dense("fc1", hidden), b.relu();
  b.dense("fc2", classes);
}

// The FEMNIST network of LEAF-style benchmarks: no pool between its convolutions.
void femnist(Builder& b, int classes) {
  b.conv("conv1", 32, 3, 0), b.relu();
  b.conv("conv2", 64, 3, 0), b.relu(), b.max_pool(2);
  b.flatten();
  b.dense("fc1", 128), b.relu();
  b.dense("fc2", classes);
}

void residual_block(Builder& b, const std::string& name, int channels) {
  const int skip = b.last();
  b.conv(name + "a", channels, 3, 1), b.relu();
  const int branch = b.conv(name + "b", channels, 3, 1);
  b.sum(name + "sum", branch, skip), b.relu();
}

void resnet8(Builder& b, const Shape& input, int classes) {
  b.conv("stem", 16, 3, 1), b.relu();
  residual_block(b, "block1", 16);
  b.conv("down1", 32, 3, 1, 2), b.relu();
  residual_block(b, "block2", 32);
  b.conv("down2", 64, 3, 1, 2), b.relu();
  const auto halved = [](int x) { return (x + 1) / 2; };
  b.global_average(halved(halved(input.h)), halved(halved(input.w)));
  b.dense("fc", classes);
}

// DS-CNN for keyword spotting on 49 x 10 features [Zhang17], pooled over whatever is left.
void ds_cnn(Builder& b, const Shape& input, int classes) {
  const auto norm_relu = [&](const std::string& name) { b.batch_norm(name + "_norm"), b.relu(); };
  b.conv("conv", 64, {.kh = 10, .kw = 4, .stride = 2, .padding_h = 5, .padding_w = 1});
  norm_relu("conv");
  for (int i = 1; i <= 4; ++i) {
    const std::string depthwise = std::string("depthwise").append(std::to_string(i));
    const std::string pointwise = std::string("pointwise").append(std::to_string(i));
    b.depthwise(depthwise, 3);
    norm_relu(depthwise);
    b.conv(pointwise, 64, 1, 0);
    norm_relu(pointwise);
  }
  b.global_average(input.h / 2 + 1, input.w / 2);
  b.dense("fc", classes);
}

}  // namespace

Result<ModelSpec> model_from_zoo(std::string_view name, const Shape& input, int classes) {
  ModelSpec spec{.name = std::string(name), .input = input, .classes = classes, .nodes = {}};
  Builder b(spec);
  bool known = true;
  if (name == "softmax") {
    b.flatten(), b.dense("fc", classes);
  } else if (name.starts_with("mlp-")) {
    known = mlp(b, name.substr(4), classes);
  } else if (name == "digits-cnn") {
    two_convs(b, 16, 32, 3, 64, classes);
  } else if (name == "lenet5") {
    lenet5(b, classes);
  } else if (name == "cnn") {
    two_convs(b, 16, 32, 3, 128, classes);
  } else if (name == "femnist-cnn") {
    femnist(b, classes);
  } else if (name == "cifar-cnn") {
    two_convs(b, 32, 64, 5, 512, classes);
  } else if (name == "resnet8") {
    resnet8(b, input, classes);
  } else if (name == "ds-cnn") {
    ds_cnn(b, input, classes);
  } else {
    known = false;
  }
  if (!known) {
    return Error{Errc::kInvalid,
                 "no model '" + spec.name +
                     "'; known: softmax, mlp-<units>[-<units>...], digits-cnn, "
                     "lenet5, cnn, femnist-cnn, cifar-cnn, resnet8, ds-cnn; or describe "
                     "your own with [[model.layers]]"};
  }
  auto shapes = infer_shapes(spec);
  if (!shapes)
    return at("model '" + spec.name + "' on data of shape " + to_string(input), shapes.error());
  return spec;
}

}  // namespace fedqat
