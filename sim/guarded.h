// Exceptions of a worker's job become errors, so that they end the run and not the process.
#pragma once

#include <exception>
#include <new>
#include <string>

#include "common/base/result.h"

namespace fedqat {

// job() -> Result<T>. kUnavailable: it threw, which is never the fault of the client it works for.
template <class Job>
auto guarded(Job job) -> decltype(job()) {
  try {
    return job();
  } catch (const std::bad_alloc&) {
    return Error{Errc::kUnavailable,
                 "not enough memory to train a client; lower sim.threads or client.batch"};
  } catch (const std::exception& e) {
    return Error{Errc::kUnavailable, "training a client failed: " + std::string(e.what())};
  }
}

}  // namespace fedqat
