// The folder that holds all a device remembers. Nobody but its owner can look into it.
//
//   lock            held while a client runs
//   identity.key    private key, PKCS#8
//   identity.pem    its certificate          ca.pem  whom the coordinator's must come from
//   device.bin      DeviceProfile; written last, so that its presence means enrolled
//   update.bin  seen.bin  checkpoint.bin  model.bin  memory.bin
//                   the stores of this folder
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "common/base/file_lock.h"
#include "common/base/fs.h"
#include "common/crypto/certificate.h"
#include "common/crypto/key.h"

namespace fedqat {

// What enrollment tells a device.
struct DeviceProfile {
  std::string address;              // of the coordinator, host:port
  std::string server_name;          // that its certificate must have
  Bytes manifest_key;               // Ed25519, 32 bytes
  std::string device_name;          // as the coordinator calls this device
  std::uint64_t device_number = 0;  // as in the coordinator's books
  bool operator==(const DeviceProfile&) const = default;
};

struct DeviceIdentity {
  PrivateKey key;
  Certificate certificate;
  Certificate ca;
  DeviceProfile profile;
};

// Movable, not thread-safe; fs must outlive it.
class StateDir {
 public:
  // Makes the folder if need be. kUnavailable: another client uses it; kIo.
  static Result<StateDir> open(Fs& fs, std::filesystem::path dir);

  // For identity() alone, while another client may use the folder; makes and changes nothing.
  // kNotFound: no such folder.
  static Result<StateDir> look(Fs& fs, std::filesystem::path dir);

  bool enrolled() const;

  // The device's key; made and stored the first time, so that an enrollment that was interrupted
  // goes on with the same key. kCorrupt: damaged; kIo.
  Result<PrivateKey> key();
  // Everything enrollment gave; durable when it returns. kInvalid: the certificate is not of key()
  // or not from this CA, or the manifest key is not 32 bytes; kCorrupt, kIo.
  Result<void> enroll(const Certificate& certificate, const Certificate& ca,
                      const DeviceProfile& profile);
  // A new certificate of the same key, before the old one ends. As enroll().
  Result<void> renew(const Certificate& certificate);
  // kNotFound: not enrolled; kCorrupt: damaged, or the files do not belong together; kIo.
  Result<DeviceIdentity> identity();

  std::filesystem::path update_path() const { return dir_ / "update.bin"; }
  std::filesystem::path seen_path() const { return dir_ / "seen.bin"; }
  std::filesystem::path checkpoint_path() const { return dir_ / "checkpoint.bin"; }
  std::filesystem::path model_path() const { return dir_ / "model.bin"; }
  std::filesystem::path memory_path() const { return dir_ / "memory.bin"; }

 private:
  StateDir(Fs& fs, std::filesystem::path dir, std::optional<FileLock> lock)
      : fs_(&fs), dir_(std::move(dir)), lock_(std::move(lock)) {}
  Result<DeviceProfile> profile();
  Result<Certificate> certificate(const char* name);
  Result<void> check(const Certificate& certificate, const Certificate& ca);

  Fs* fs_;
  std::filesystem::path dir_;
  std::optional<FileLock> lock_;
};

}  // namespace fedqat
