// What a network computes, without trained numbers, as one value that travels.
#pragma once

#include "common/base/result.h"
#include "common/data/dataset.h"
#include "common/nn/model_spec.h"
#include "common/quant/quant_spec.h"

namespace fedqat::wire {
class NetworkProto;
}

namespace fedqat {

struct NetworkSpec {
  ModelSpec model;
  QuantSpec quant;
  InputGrid input;
};

void to_proto(const NetworkSpec& network, wire::NetworkProto& proto);

// Checks the bounds of every number on its own (kInvalid names the field); whether they make a
// network is for build_graph() to say.
Result<NetworkSpec> from_proto(const wire::NetworkProto& proto);

}  // namespace fedqat
