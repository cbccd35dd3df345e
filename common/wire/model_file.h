// model.fedqat: the trained network, whole and checkable (bytes in docs/formats.md).
#pragma once

#include <string_view>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/nn/packed_model.h"

namespace fedqat {

// What precedes the payload, all little-endian. Frozen.
struct ModelFileHeader {
  char magic[8];          // "FEDQATM" and a zero byte
  std::uint32_t format;   // kModelFormat
  std::uint32_t zero;     // 0
  std::uint64_t payload;  // bytes that follow the header, to the end of the file
  std::byte sha256[32];   // of the payload
};
static_assert(sizeof(ModelFileHeader) == 56);

inline constexpr std::uint32_t kModelFormat = 1;

// The same model gives the same bytes. kChecks: validate(model).
Bytes encode_model(const PackedModel& model);

// Any bytes: a model that validate() admits, or kCorrupt: "FILE: byte OFFSET: what is wrong".
// kInvalid: a format version of a later program.
Result<PackedModel> decode_model(ByteView bytes, std::string_view file);

}  // namespace fedqat
