// Ownership and errors of OpenSSL objects. For the .cc files of common/crypto and common/net.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/check.h"
#include "common/base/result.h"
#include "common/crypto/certificate.h"
#include "common/crypto/key.h"

namespace fedqat {

template <auto free_it>
struct OpensslFree {
  template <class T>
  void operator()(T* p) const {
    free_it(p);
  }
};
template <class T, auto free_it>
using OpensslPtr = std::unique_ptr<T, OpensslFree<free_it>>;

using BioPtr = OpensslPtr<BIO, BIO_free_all>;
using MdContextPtr = OpensslPtr<EVP_MD_CTX, EVP_MD_CTX_free>;
using RequestPtr = OpensslPtr<X509_REQ, X509_REQ_free>;
using ExtensionPtr = OpensslPtr<X509_EXTENSION, X509_EXTENSION_free>;
using NamesPtr = OpensslPtr<GENERAL_NAMES, GENERAL_NAMES_free>;

// `what`, then OpenSSL's reason when it has one; empties its queue of errors.
Error openssl_error(Errc code, std::string what);

// For what fails only when memory runs out.
template <class T>
T* checked(T* p) {
  FEDQAT_CHECK(p != nullptr);
  return p;
}

BioPtr read_from(ByteView bytes);  // must outlive the result
BioPtr write_to_memory();
Bytes written(BIO* bio);

// One of the types of key that this project uses, on its named curve. kRejected.
Result<void> check_key_type(EVP_PKEY* key);
// SHA-256 or SHA-384 for elliptic curves, nullptr for Ed25519.
const EVP_MD* signing_digest(EVP_PKEY* key);
Digest public_key_digest(EVP_PKEY* key);

}  // namespace fedqat
