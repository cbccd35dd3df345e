// OpenSSL's errors as sentences with a remedy. For the .cc files of this folder.
#pragma once

#include <string>

#include "common/net/openssl.h"

namespace fedqat {

// Of a certificate that X509_verify_cert() refused.
std::string verify_error_text(X509_STORE_CTX* store);

// The text of the last refusal on this thread, set by the verification of every TlsContext; taking
// it empties it.
std::string take_verify_error();
void set_verify_error(std::string text);

// OpenSSL's first queued error; empties the queue. "" if there is none.
std::string take_openssl_error();

// An alert that says this side's certificate was refused, as a sentence with its remedy; "" if
// `openssl_error` (ERR_peek_error) is none.
std::string refused_by_peer_text(unsigned long openssl_error);

}  // namespace fedqat
