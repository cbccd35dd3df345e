#include "common/net/tls_errors.h"

#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <openssl/x509_vfy.h>

#include <array>
#include <utility>

namespace fedqat {
namespace {

thread_local std::string last_verify_error;

std::string date_text(const ASN1_TIME* time) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (time == nullptr || ASN1_TIME_print(bio.get(), time) != 1) return "an unreadable date";
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string subject_text(const X509* certificate) {
  std::array<char, 256> name{};
  X509_NAME_oneline(X509_get_subject_name(certificate), name.data(), name.size());
  return name.data();
}

}  // namespace

std::string verify_error_text(X509_STORE_CTX* store) {
  const int code = X509_STORE_CTX_get_error(store);
  const X509* certificate = X509_STORE_CTX_get_current_cert(store);
  const std::string who =
      certificate == nullptr ? "certificate" : "certificate '" + subject_text(certificate) + "'";
  switch (code) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return who + " has expired on " + date_text(X509_get0_notAfter(certificate)) +
             ": a client runs `fedqat-client enroll` again, a coordinator needs a new certificate";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return who + " is not valid before " + date_text(X509_get0_notBefore(certificate)) +
             ": check this machine's clock";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return who +
             " does not bear the name that was asked for: check the coordinator's address, or "
             "make its certificate for that name";
    case X509_V_ERR_INVALID_PURPOSE:
      return who +
             " is not meant for this side of a connection: use one with the right extended "
             "key usage (serverAuth, clientAuth)";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return who + " was not issued by the federation's CA (" +
             X509_verify_cert_error_string(code) +
             "): enroll at this coordinator, or check its address";
    case X509_V_ERR_APPLICATION_VERIFICATION:
      return "the server's CA has another fingerprint than the one given: ask the federation's "
             "operator for the right one; if it is right, someone is between";
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
    case X509_V_ERR_CA_MD_TOO_WEAK:
      return who + " is too weak (" + X509_verify_cert_error_string(code) +
             "): make it again with P-256 or RSA 2048 and SHA-256";
    default:
      return who + " was refused: " + X509_verify_cert_error_string(code);
  }
}

std::string take_verify_error() { return std::exchange(last_verify_error, {}); }
void set_verify_error(std::string text) { last_verify_error = std::move(text); }

std::string take_openssl_error() {
  const unsigned long code = ERR_peek_error();
  ERR_clear_error();
  if (code == 0) return {};
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "error " + std::to_string(code);
}

std::string refused_by_peer_text(unsigned long openssl_error) {
  if (ERR_GET_LIB(openssl_error) != ERR_LIB_SSL) return {};
  switch (ERR_GET_REASON(openssl_error)) {
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
      return "it says this side's certificate has expired or is not valid yet: check this "
             "machine's clock, or run `fedqat-client enroll` again";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
    case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
      return "it says this device is revoked: ask the federation's operator";
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
      return "it asks for a certificate: run `fedqat-client enroll` first";
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_TLSV1_ALERT_DECRYPT_ERROR:  // a CA of the same name with another key
      return "it does not know the CA of this side's certificate: run `fedqat-client enroll` at "
             "this coordinator";
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
      return "it refuses this side's certificate: run `fedqat-client enroll` again";
    default:
      return {};
  }
}

}  // namespace fedqat
