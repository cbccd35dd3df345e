#include "common/base/fs.h"
#include "common/crypto/certificate.h"
#include "tests/fuzz/fuzz_pem.h"
#include "tests/fuzz/fuzz_target.h"

using namespace fedqat;

namespace {

// All that is asked of a certificate from elsewhere.
void use(const Certificate& c) {
  (void)c.public_key_sha256();
  (void)c.common_name();
  (void)c.serial();
  (void)c.not_before_s();
  (void)c.not_after_s();
  (void)c.is_ca();
  (void)c.issued_by(c);
  const auto from_der = Certificate::from_der(c.der());
  FEDQAT_CHECK(from_der && from_der->der() == c.der());
  const auto from_pem = Certificate::from_pem(c.to_pem());
  FEDQAT_CHECK(from_pem && from_pem->sha256() == c.sha256());
}

}  // namespace

// The bytes as DER and as PEM, and as the DER inside of PEM.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes = input(data, size);
  if (const auto c = Certificate::from_der(bytes)) use(*c);
  if (const auto c = Certificate::from_pem(bytes)) use(*c);
  const std::string pem = fuzz_pem("CERTIFICATE", bytes);
  for (const ByteView text : {bytes, as_bytes(pem)}) {
    const auto chain = Certificate::chain_from_pem(text);
    if (!chain) continue;
    for (const Certificate& c : *chain) use(c);
  }
  return 0;
}
