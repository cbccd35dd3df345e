#include "common/wire/model_config.h"

#include <catch2/catch.hpp>

#include "common/nn/graph.h"
#include "common/wire/config.h"
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
