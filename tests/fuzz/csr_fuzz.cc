#include "common/base/fs.h"
#include "common/crypto/authority.h"
#include "tests/fuzz/fuzz_pem.h"
#include "tests/fuzz/fuzz_target.h"

using namespace fedqat;

// A device's request for a certificate: the bytes as PEM, then as the DER inside of it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const PrivateKey key = PrivateKey::make_p256();
  static const Validity life{1'700'000'000, 1'800'000'000};
  static const Certificate ca = *make_ca(key, "authority", life);
  const CertificateProfile profile{"device", CertificateProfile::Purpose::kClient, {}, life};
  const std::string pem = fuzz_pem("CERTIFICATE REQUEST", input(data, size));
  for (const ByteView request : {input(data, size), as_bytes(pem)}) {
    const auto made = sign_csr(ca, key, request, profile);
    if (made) {  // whatever was asked for, it is what the profile says
      FEDQAT_CHECK(made->issued_by(ca) && !made->is_ca() && made->common_name() == "device");
    } else {
      FEDQAT_CHECK(made.error().code == Errc::kRejected);
    }
  }
  return 0;
}
