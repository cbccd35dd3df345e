#include <algorithm>
#include <array>
#include <charconv>

#include "client/cli/bench.h"
#include "common/base/rng.h"
#include "common/data/input_grid.h"
#include "common/wire/model_config.h"

namespace fedqat {
namespace {

constexpr std::uint32_t kSamples = 256;

struct Natural {
  std::string_view name;
  Shape input;
  int classes;
};

// Inputs that the networks were made for; others get those of MNIST.
constexpr Natural kNatural[] = {{"digits-cnn", {8, 8, 1}, 10},
                                {"cifar-cnn", {32, 32, 3}, 10},
                                {"resnet8", {32, 32, 3}, 10},
                                {"ds-cnn", {49, 10, 1}, 12}};

Natural natural(std::string_view name) {
  for (const Natural& n : kNatural) {
    if (n.name == name) return n;
  }
  return {name, {28, 28, 1}, 10};
}

// "28x28x1" or "561"; false: something else.
bool parse_shape(std::string_view text, Shape& shape) {
  std::array<int, 3> sizes{};
  std::size_t count = 0;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (count < sizes.size()) {
    const auto [stop, error] = std::from_chars(at, end, sizes[count]);
    if (error != std::errc{} || sizes[count] < 1 || sizes[count] > 65536) return false;
    ++count;
    at = stop;
    if (at == end || *at != 'x') break;
    ++at;
  }
  if (at != end || count == 2) return false;
  shape = count == 1 ? Shape{1, 1, sizes[0]} : Shape{sizes[0], sizes[1], sizes[2]};
  return true;
}

bool parse_input(std::string_view text, Natural& out) {
  const auto colon = text.find(':');
  if (colon != std::string_view::npos) {
    const std::string_view number = text.substr(colon + 1);
    const char* const end = number.data() + number.size();
    const auto [stop, error] = std::from_chars(number.data(), end, out.classes);
    if (error != std::errc{} || stop != end || out.classes < 1 || out.classes > 256) return false;
  }
  return parse_shape(text.substr(0, colon), out.input);
}

}  // namespace

Dataset noise_dataset(const Shape& shape, int classes, const InputGrid& grid) {
  Dataset data{"noise", shape, classes, grid, {}, {}, {}};
  Rng rng({1, 0, 0, Purpose::kTest});
  data.codes.resize(kSamples * shape.size());
  for (auto& c : data.codes) c = static_cast<std::uint8_t>(rng.below(256));
  for (std::uint32_t i = 0; i < kSamples; ++i) {
    data.labels.push_back(
        static_cast<std::uint8_t>(rng.below(static_cast<std::uint32_t>(classes))));
  }
  return data;
}

Result<BenchModel> bench_model(std::string_view text, const wire::Config& config) {
  const auto mark = text.find('@');
  Natural n = natural(text.substr(0, mark));
  if (mark != std::string_view::npos && !parse_input(text.substr(mark + 1), n)) {
    return Error{Errc::kInvalid, "--model: '" + std::string(text) +
                                     "' is refused; after @ comes the input, FEATURES or HxWxC, "
                                     "and after a colon the number of classes"};
  }
  wire::Config named = config;
  named.mutable_model()->Clear();
  named.mutable_model()->set_name(std::string(n.name));
  const InputGrid grid = make_input_grid(0.5, 0.5);
  auto network = network_from_config(named, n.input, n.classes, grid);
  if (!network) return at("--model", network.error());
  return BenchModel{std::string(text), std::move(*network),
                    noise_dataset(n.input, n.classes, grid)};
}

std::vector<std::string> default_bench_models() {
  return {"mlp-256-128", "lenet5", "femnist-cnn", "cifar-cnn", "mlp-256-128@561:6", "ds-cnn"};
}

}  // namespace fedqat
