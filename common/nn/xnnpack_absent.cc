// Of builds without XNNPACK.
#include "common/base/check.h"
#include "common/nn/xnnpack_engine.h"

namespace fedqat {

struct XnnpackEngine::Impl {};

XnnpackEngine::XnnpackEngine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
XnnpackEngine::~XnnpackEngine() = default;
XnnpackEngine::XnnpackEngine(XnnpackEngine&&) noexcept = default;

Result<void> XnnpackEngine::available() {
  return Error{Errc::kInvalid,
               "this build has no XNNPACK; install libxnnpack-dev and libpthreadpool-dev and build "
               "again, or use the builtin backend"};
}

Result<XnnpackEngine> XnnpackEngine::make(const Graph&, const PackedModel&, int) {
  return available().error();
}

std::span<const std::uint8_t> XnnpackEngine::run(const std::uint8_t*, int) {
  check_failed("an XNNPACK engine", __FILE__, __LINE__);
}

}  // namespace fedqat
