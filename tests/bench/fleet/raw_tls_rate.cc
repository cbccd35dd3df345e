#include "tests/bench/fleet/raw_tls_rate.h"

#include <openssl/ssl.h>

#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "common/base/check.h"
#include "common/base/fs.h"
#include "common/net/tls_context.h"
#include "coordinator/serve/json_log.h"
#include "coordinator/serve/server_identity.h"
#include "tests/bench/fleet/stopwatch.h"
#include "tests/support/raw_tls.h"

namespace fedqat {

double raw_mb_per_s(const StatePaths& paths, const Identity& device, int messages) {
  JsonLog log;
  const auto server = load_server_identity(paths, log);
  FEDQAT_CHECK(server);
  const std::string ca(as_text(*make_posix_fs()->read(paths.ca_cert())));
  const auto client = TlsContext::client(device.tls(), ca);
  FEDQAT_CHECK(client);
  const RawListener listener;
  const RawSocket near(listener.port());
  const RawSocket far(listener.accept(), 0);
  constexpr int kMessage = 1 << 20;
  std::thread reader([&] {
    SSL* ssl = SSL_new(server->devices.get());
    SSL_set_fd(ssl, far.fd());
    FEDQAT_CHECK(SSL_accept(ssl) == 1);
    std::vector<char> buffer(kMessage);
    for (std::int64_t left = std::int64_t{kMessage} * messages; left > 0;) {
      const int n = SSL_read(ssl, buffer.data(), kMessage);
      FEDQAT_CHECK(n > 0);
      left -= n;
    }
    SSL_free(ssl);
  });
  SSL* ssl = SSL_new(client->get());
  SSL_set_fd(ssl, near.fd());
  SSL_set1_host(ssl, "localhost");
  FEDQAT_CHECK(SSL_connect(ssl) == 1);
  const std::vector<char> message(kMessage, 7);
  const double start = now_s();
  for (int i = 0; i < messages; ++i) {
    for (int done = 0; done < kMessage;) {
      const int n = SSL_write(ssl, message.data() + done, kMessage - done);
      FEDQAT_CHECK(n > 0);
      done += n;
    }
  }
  reader.join();
  const double took = now_s() - start;
  SSL_free(ssl);
  return kMessage * static_cast<double>(messages) / took / 1e6;
}

}  // namespace fedqat
