#include "common/nn/graph.h"
#include "common/wire/frame.h"
#include "common/wire/model.pb.h"
#include "common/wire/network_spec.h"
#include "tests/fuzz/fuzz_target.h"

using namespace fedqat;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  wire::NetworkProto proto;
  if (!parse(input(data, size), proto)) return 0;
  const auto network = from_proto(proto);
  if (!network) return 0;
  wire::NetworkProto again;
  to_proto(*network, again);
  FEDQAT_CHECK(from_proto(again));
  (void)static_cast<bool>(build_graph(network->model, network->quant));
  return 0;
}
