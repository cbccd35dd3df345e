// How a device gets its certificate, and a new one before it ends.
#pragma once

#include <cstdint>
#include <string>

#include "client/device/state_dir.h"
#include "common/net/transport.h"
#include "common/wire/enrollment.h"

namespace fedqat {

struct EnrollmentPlace {
  std::string host;         // of the coordinator, as the device reaches it
  std::uint16_t port = 0;   // for devices; 0: as the coordinator says
  std::string server_name;  // in its certificate; "": host
};

// Exchanges the token for a certificate of the device's key over `transport`, which leads to the
// enrolment port and believes token.ca_sha256 alone, and stores it. An interrupted one may be
// repeated with the same token. kRejected: the token is unknown, used or expired; kInvalid: the
// reply lacks the port and none was given; kCorrupt; errors of the transport and of StateDir.
Result<DeviceProfile> enroll_device(StateDir& state, Transport& transport,
                                    const EnrollmentToken& token, const EnrollmentPlace& place);

// At two thirds of a certificate's life. Unix seconds.
std::int64_t renewal_due_s(const Certificate& certificate);

// A new certificate of the same key, stored. kUnavailable: the coordinator cannot now; kRejected:
// it will not; errors of the transport and of StateDir::renew().
Result<Certificate> renew_certificate(StateDir& state, Transport& transport,
                                      const DeviceIdentity& identity);

}  // namespace fedqat
