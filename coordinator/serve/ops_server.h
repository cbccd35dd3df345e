// HTTP on 127.0.0.1 for operators: /healthz, /readyz, /metrics, /status. Read-only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/base/result.h"

namespace fedqat {

// Called on threads of the server.
struct OpsPages {
  std::function<bool()> healthy;  // the process works
  std::function<bool()> ready;    // it takes devices
  std::function<std::string()> metrics;
  std::function<std::string()> status;  // JSON
};

class OpsServer {
 public:
  // port 0: any that is free. kUnavailable: the port is taken.
  static Result<std::unique_ptr<OpsServer>> start(std::uint16_t port, OpsPages pages);
  ~OpsServer();  // joins
  OpsServer(const OpsServer&) = delete;
  OpsServer& operator=(const OpsServer&) = delete;
  std::uint16_t port() const;

 private:
  struct Impl;
  explicit OpsServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace fedqat
