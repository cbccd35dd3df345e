#include "client/device/state_dir.h"
#include "client/device/state_file.h"
#include "common/crypto/authority.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/support/memory_fs.h"

using namespace fedqat;

namespace {

struct Enrolled {
  Enrolled() {
    FEDQAT_CHECK(fs.write_private("d", {}));  // look() asks for the folder
    auto dir = StateDir::look(fs, "d");
    FEDQAT_CHECK(dir);
    const auto key = dir->key();
    const PrivateKey ca_key = PrivateKey::make_p256();
    const Validity life{1'700'000'000, 1'800'000'000};
    const auto ca = make_ca(ca_key, "authority", life);
    FEDQAT_CHECK(key && ca);
    const auto request = make_csr(*key, "device");
    FEDQAT_CHECK(request);
    const auto own =
        sign_csr(*ca, ca_key, *request, {"device", CertificateProfile::Purpose::kClient, {}, life});
    FEDQAT_CHECK(own && dir->enroll(*own, *ca, {"a:1", "a", Bytes(32), "device", 7}));
    FEDQAT_CHECK(dir->identity());
  }
  MemoryFs fs;
};

// The identity with `file` in place of one of its files.
void read_with(const char* name, ByteView file) {
  static const Enrolled enrolled;
  MemoryFs fs = enrolled.fs;
  FEDQAT_CHECK(fs.write_private(std::filesystem::path("d") / name, file));
  auto dir = StateDir::look(fs, "d");
  FEDQAT_CHECK(dir);
  const auto identity = dir->identity();
  if (identity) {
    FEDQAT_CHECK(identity->certificate.public_key_sha256() == identity->key.public_sha256());
    FEDQAT_CHECK(identity->profile.manifest_key.size() == 32);
  } else {
    FEDQAT_CHECK(identity.error().code == Errc::kCorrupt);
  }
}

}  // namespace

// The first byte says which file of an enrolled device the others replace.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteView bytes = input(data + 1, size - 1);
  switch (data[0] % 5) {
    case 0:
      read_with("device.bin", seal_state({"FEDQATD\0", 8}, bytes));
      break;
    case 1:
      read_with("device.bin", bytes);
      break;
    case 2:
      read_with("identity.key", bytes);
      break;
    case 3:
      read_with("identity.pem", bytes);
      break;
    default:
      read_with("ca.pem", bytes);
  }
  return 0;
}
