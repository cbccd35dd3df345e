#include "common/crypto/ed25519.h"
#include "common/wire/frame.h"
#include "common/wire/identity.pb.h"
#include "common/wire/manifest.h"
#include "common/wire/message_fields.h"
#include "tests/fuzz/fuzz_target.h"

using namespace fedqat;

// The bytes as they come from the network, then as a manifest that the coordinator has signed.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const PrivateKey key = PrivateKey::make_ed25519();
  static const Bytes public_key = key.public_key_raw();
  FEDQAT_CHECK(!open_manifest(input(data, size), public_key));

  wire::SignedManifestProto p;
  p.set_manifest(text_of(input(data, size)));
  const Bytes to_sign = bytes_of(std::string("fedqat manifest v1\0", 19) + p.manifest());
  p.set_signature(text_of(ed25519_sign(key, to_sign)));
  Bytes envelope = serialize(p);
  const auto manifest = open_manifest(envelope, public_key);
  if (!manifest) {
    FEDQAT_CHECK(manifest.error().code == Errc::kCorrupt);
    return 0;
  }
  const auto again = open_manifest(sign_manifest(*manifest, key), public_key);
  FEDQAT_CHECK(again && *again == *manifest);
  envelope[size % envelope.size()] ^= std::byte{1};  // no bit of it changes unseen
  FEDQAT_CHECK(!open_manifest(envelope, public_key));
  return 0;
}
