// OpenSSL's objects of connections as owned pointers. For the .cc files of this folder.
#pragma once

#include <openssl/ssl.h>

#include "common/crypto/openssl.h"

namespace fedqat {

using SslPtr = OpensslPtr<SSL, SSL_free>;
using SslCtxPtr = OpensslPtr<SSL_CTX, SSL_CTX_free>;
using X509Ptr = OpensslPtr<X509, X509_free>;
using PkeyPtr = OpensslPtr<EVP_PKEY, EVP_PKEY_free>;

}  // namespace fedqat
