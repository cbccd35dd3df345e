// PEM around any bytes, so that mutations reach the decoder of the DER inside.
#pragma once

#include <algorithm>
#include <string>

#include "common/crypto/base64.h"

namespace fedqat {

inline std::string fuzz_pem(const std::string& label, ByteView der) {
  std::string body = to_base64url(der);
  std::replace(body.begin(), body.end(), '-', '+');
  std::replace(body.begin(), body.end(), '_', '/');
  while (body.size() % 4 != 0) body += '=';
  std::string pem = "-----BEGIN " + label + "-----\n";
  for (std::size_t i = 0; i < body.size(); i += 64) pem += body.substr(i, 64) + "\n";
  return pem + "-----END " + label + "-----\n";
}

}  // namespace fedqat
