#include "common/wire/manifest.h"

#include "common/crypto/ed25519.h"
#include "common/wire/frame.h"
#include "common/wire/identity.pb.h"
#include "common/wire/message_fields.h"

namespace fedqat {
namespace {

constexpr std::string_view kDomain{"fedqat manifest v1\0", 19};

Bytes to_sign(const std::string& manifest) { return bytes_of(std::string(kDomain) + manifest); }

wire::ManifestProto proto_of(const Manifest& m) {
  wire::ManifestProto p;
  p.set_run(m.run);
  p.set_round(m.round);
  p.set_version(m.version);
  p.set_model_sha256(text_of(m.model_sha256));
  p.set_config_hash(text_of(m.config_hash));
  p.set_expires_unix_s(m.expires_unix_s);
  return p;
}

Error corrupt(std::string_view what) {
  return {Errc::kCorrupt, "manifest: " + std::string(what) + "; check in again"};
}

}  // namespace

Bytes sign_manifest(const Manifest& manifest, const PrivateKey& key) {
  wire::SignedManifestProto p;
  p.set_manifest(text_of(serialize(proto_of(manifest))));
  p.set_signature(text_of(ed25519_sign(key, to_sign(p.manifest()))));
  return serialize(p);
}

Result<Manifest> open_manifest(ByteView signed_manifest, ByteView public_key) {
  if (signed_manifest.size() > kMaxManifest) return corrupt("is too long");
  wire::SignedManifestProto envelope;
  if (!parse(signed_manifest, envelope)) return corrupt("does not parse");
  envelope.DiscardUnknownFields();
  if (text_of(serialize(envelope)) != as_text(signed_manifest))
    return corrupt("has fields it should not have");
  if (!ed25519_verify(public_key, to_sign(envelope.manifest()), as_bytes(envelope.signature()))) {
    return Error{Errc::kRejected,
                 "manifest: not signed by this coordinator's key; enroll again if its operator "
                 "changed the key, otherwise somebody else sent this model"};
  }
  wire::ManifestProto p;
  if (!parse(as_bytes(envelope.manifest()), p)) return corrupt("does not parse");
  const auto model = digest_of(p.model_sha256());
  const auto config = digest_of(p.config_hash());
  if (!model || !config) return corrupt("a hash is not 32 bytes");
  return Manifest{p.run(), p.round(), p.version(), *model, *config, p.expires_unix_s()};
}

}  // namespace fedqat
