#include "common/wire/model_config.h"

#include <catch2/catch.hpp>

#include "common/nn/graph.h"
#include "common/wire/config.h"
#include "common/wire/layer_bits.h"
#include "common/wire/model.pb.h"

using namespace fedqat;

namespace {

Result<NetworkSpec> network_of(const char* toml) {
  const auto config = parse_config(toml, "test.toml", {});
  REQUIRE(config);
  return network_from_config(*config, {8, 8, 1}, 10, {1.0F / 255, 0});
}

}  // namespace

TEST_CASE("model_config: layers of a config become a graph with a branch") {
  const auto network = network_of(R"(
[[model.layers]]
op = "conv2d"
name = "a"
units = 4
kernel = 3
padding = 1
[[model.layers]]
op = "relu"
name = "r"
[[model.layers]]
op = "conv2d"
name = "b"
units = 4
kernel = 3
padding = 1
[[model.layers]]
op = "add"
inputs = ["b", "r"]
[[model.layers]]
op = "max_pool"
kernel = 2
[[model.layers]]
op = "dense"
units = 10
)");
  REQUIRE(network);
  const auto& nodes = network->model.nodes;
  REQUIRE(nodes.size() == 7);
  REQUIRE(nodes[4].inputs == std::vector<int>{3, 2});
  REQUIRE(nodes[5].stride == 2);  // pools step by their kernel
  REQUIRE(build_graph(network->model, network->quant));
}

TEST_CASE("model_config: what is wrong with a layer is said with its name") {
  const auto what = [](const char* toml) {
    const auto r = network_of(toml);
    REQUIRE_FALSE(r);
    return r.error().what;
  };
  REQUIRE_THAT(what("[[model.layers]]\nop = \"dense\"\nname = \"d\"\nunits = 10\ninputs = [\"x\"]"),
               Catch::Contains("'d'") && Catch::Contains("'x'"));
  REQUIRE_THAT(what("[[model.layers]]\nop = \"dense\"\nname = \"d\"\nunits = 9"),
               Catch::Contains("model"));
}

TEST_CASE("model_config: a network travels unchanged") {
  const auto network = network_of("[model]\nname = \"resnet8\"");
  REQUIRE(network);
  wire::NetworkProto proto;
  to_proto(*network, proto);
  const auto back = from_proto(proto);
  REQUIRE(back);
  wire::NetworkProto again;
  to_proto(*back, again);
  REQUIRE(again.SerializeAsString() == proto.SerializeAsString());
  proto.mutable_nodes(1)->set_inputs(0, 5);
  REQUIRE_THAT(from_proto(proto).error().what, Catch::Contains("nodes[1].inputs"));
}

TEST_CASE("model_config: rules of scales travel, and strange ones are refused") {
  const std::string model = "[model]\nname = \"resnet8\"\n[quant]\n";
  std::uint32_t rule = 0;
  for (const char* name : {"lsq", "lsq+", "pact", "tqt", "ema", "percentile"}) {
    const auto network = network_of((model + "activation_scales = \"" + name +
                                     "\"\nweight_scales = \"tensor\"\npercentile = 99.5\n")
                                        .c_str());
    REQUIRE(network);
    wire::NetworkProto proto;
    to_proto(*network, proto);
    const auto back = from_proto(proto);
    REQUIRE(back);
    CHECK(back->quant.range_rule == static_cast<RangeRule>(rule++));
    CHECK(back->quant.tensor_weight_scales);
    CHECK(back->quant.percentile == (network->quant.observes() && rule == 6 ? 99.5F : 100));
  }
  wire::NetworkProto proto;
  to_proto(*network_of(model.c_str()), proto);
  CHECK(proto.range_rule() == 0);  // as files had it before there were rules
  CHECK_FALSE(proto.tensor_weight_scales());
  proto.set_range_rule(kLastRangeRule + 1);
  CHECK_THAT(from_proto(proto).error().what, Catch::Contains("range_rule"));
  proto.set_range_rule(kLastRangeRule);
  for (const float percentile : {0.0F, -1.0F, 101.0F, std::nanf("")}) {
    proto.set_percentile(percentile);
    CHECK_THAT(from_proto(proto).error().what, Catch::Contains("percentile"));
  }
}

TEST_CASE("model_config: a depthwise layer keeps its channels, and padding may differ by side") {
  const auto network = network_of(R"(
[[model.layers]]
op = "conv2d"
units = 4
kernel_h = 5
kernel_w = 2
padding_h = 2
[[model.layers]]
op = "depthwise_conv2d"
kernel = 3
padding = 2
padding_w = 1
[[model.layers]]
op = "dense"
units = 10
)");
  REQUIRE(network);
  const auto graph = build_graph(network->model, network->quant);
  REQUIRE(graph);
  CHECK(graph->steps[0].out == Shape{8, 7, 4});
  CHECK(graph->steps[1].out == Shape{10, 7, 4});
  CHECK(graph->params[static_cast<std::size_t>(graph->steps[1].weight)].size == 4 * 9);
  CHECK(graph->steps[1].macs == 10 * 7 * 4 * 9);

  wire::NetworkProto proto;
  to_proto(*network, proto);
  const auto back = from_proto(proto);
  REQUIRE(back);
  CHECK(back->model.nodes[1].padding_h == 2);
  CHECK(back->model.nodes[1].padding_w == 0);
  CHECK(back->model.nodes[2].padding_h == 2);
  CHECK(back->model.nodes[2].padding_w == 1);
  CHECK_FALSE(proto.nodes(3).has_padding_w());  // as files had it before sides could differ
}

TEST_CASE("model_config: padding of an older file is that of all four sides") {
  const auto network = network_of("[model]\nname = \"resnet8\"");
  REQUIRE(network);
  wire::NetworkProto proto;
  to_proto(*network, proto);
  CHECK_FALSE(proto.nodes(1).has_padding_w());
  const auto back = from_proto(proto);
  REQUIRE(back);
  CHECK(back->model.nodes[1].padding_w == 1);
}

TEST_CASE("model_config: conv1d is a conv2d along the width") {
  const auto network = network_of(R"(
[[model.layers]]
op = "conv1d"
units = 4
kernel = 3
padding = 1
[[model.layers]]
op = "batch_norm"
[[model.layers]]
op = "dense"
units = 10
)");
  REQUIRE(network);
  const NodeSpec& conv = network->model.nodes[1];
  CHECK(conv.op == Op::kConv2d);
  CHECK(conv.kernel_h == 1);
  CHECK(conv.kernel_w == 3);
  CHECK(conv.padding_h == 0);
  CHECK(conv.padding_w == 1);
  const auto graph = build_graph(network->model, network->quant);
  REQUIRE(graph);
  CHECK(graph->steps[0].batch_norm);

  const auto both = parse_config(
      "[[model.layers]]\nop = \"conv1d\"\nunits = 4\nkernel = 3\nkernel_h = 2", "c", {});
  REQUIRE_FALSE(both);
  CHECK_THAT(both.error().what, Catch::Contains("one side only"));
}

TEST_CASE("model_config: bits of single layers come from the config, travel and are bounded") {
  const auto network = network_of(
      "[model]\nname = \"digits-cnn\"\n[quant]\nlayer_bits = [\"conv1=4\", \"fc1=2:8\", "
      "\"fc2=:3\"]\n");
  REQUIRE(network);
  wire::NetworkProto proto;
  to_proto(*network, proto);
  REQUIRE(proto.layer_bits_size() == 3);
  const auto back = from_proto(proto);
  REQUIRE(back);
  const auto& layers = back->quant.layers;
  REQUIRE(layers.size() == 3);
  CHECK((layers[0].layer == "conv1" && layers[0].weight_bits == 4));
  CHECK(layers[0].activation_bits == 0);
  CHECK((layers[1].weight_bits == 2 && layers[1].activation_bits == 8));
  CHECK((layers[2].weight_bits == 0 && layers[2].activation_bits == 3));
  for (const std::uint32_t bad : {1U, 9U, 32U, ~0U}) {
    wire::NetworkProto hostile = proto;
    hostile.mutable_layer_bits(1)->set_weight_bits(bad);
    CHECK_THAT(from_proto(hostile).error().what, Catch::Contains("layer_bits[1].weight_bits"));
    hostile = proto;
    hostile.mutable_layer_bits(2)->set_activation_bits(bad);
    CHECK_THAT(from_proto(hostile).error().what, Catch::Contains("layer_bits[2].activation_bits"));
  }
  wire::NetworkProto hostile = proto;
  hostile.mutable_layer_bits(0)->set_layer(std::string(300, 'x'));
  CHECK_THAT(from_proto(hostile).error().what, Catch::Contains("layer_bits[0].layer"));
  for (int i = 0; i < 5000; ++i) proto.add_layer_bits();
  CHECK_THAT(from_proto(proto).error().what, Catch::Contains("layer_bits.size"));
}

TEST_CASE("model_config: malformed bits of layers are refused with their place") {
  for (const char* text : {"", "=", "conv1", "conv1=", "=4", "conv1=1", "conv1=9", "conv1=44",
                           "conv1=4:", "conv1=4:1", "conv1=4:6:2", "conv1=:", "conv1= 4"}) {
    INFO(text);
    CHECK_FALSE(parse_layer_bits(text));
    const std::string toml = std::string("[quant]\nlayer_bits = [\"a=4\", \"") + text + "\"]\n";
    const auto config = parse_config(toml, "test.toml", {});
    REQUIRE_FALSE(config);
    CHECK_THAT(config.error().what, Catch::Contains("test.toml:2:") &&
                                        Catch::Contains("quant.layer_bits[1]") &&
                                        Catch::Contains("; write"));
  }
  for (const char* text : {"conv1=4", "conv1=4:6", "a=b=:8"}) {
    REQUIRE(parse_layer_bits(text));
    CHECK(layer_bits_text(*parse_layer_bits(text)) == text);
  }
  const auto fp32 = parse_config(
      "[quant]\nweight_bits = 32\nactivation_bits = 32\nlayer_bits = [\"fc=4\"]\n", "t.toml", {});
  REQUIRE_FALSE(fp32);
  CHECK_THAT(fp32.error().what, Catch::Contains("quant.layer_bits") && Catch::Contains("fp32"));
  const std::vector<std::string> set = {"quant.layer_bits=[\"fc=4\", \"conv=2:3\"]"};
  const auto given = parse_config("", "t.toml", set);
  REQUIRE(given);
  CHECK(given->quant().layer_bits_size() == 2);
}
