#include <cstring>

#include "common/crypto/sha256.h"
#include "common/wire/model_file.h"
#include "tests/fuzz/fuzz_target.h"

using namespace fedqat;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // As it is, and with a header made right: no mutation finds a hash.
  const ByteView bytes = input(data, size);
  if (const auto model = decode_model(bytes, "m")) FEDQAT_CHECK(encode_model(*model).size() > 0);
  if (size < sizeof(ModelFileHeader)) return 0;
  Bytes file(bytes.begin(), bytes.end());
  const ByteView payload = ByteView(file).subspan(sizeof(ModelFileHeader));
  ModelFileHeader header{
      {'F', 'E', 'D', 'Q', 'A', 'T', 'M', 0}, kModelFormat, 0, payload.size(), {}};
  const Digest hash = sha256(payload);
  std::memcpy(header.sha256, hash.data(), hash.size());
  std::memcpy(file.data(), &header, sizeof header);
  if (const auto model = decode_model(file, "m")) {
    FEDQAT_CHECK(decode_model(encode_model(*model), "m"));
  }
  return 0;
}
