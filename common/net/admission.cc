#include "common/net/admission.h"

#include "common/base/check.h"

namespace fedqat {

Admission::Verdict Admission::enter(std::uint64_t source) {
  const std::scoped_lock lock(mutex_);
  if (connections_ >= limits_.connections) return Verdict::kConnections;
  if (unauthenticated_ >= limits_.unauthenticated) return Verdict::kUnauthenticated;
  const auto it = by_source_.find(source);
  if ((it == by_source_.end() ? 0 : it->second) >= limits_.per_address) return Verdict::kPerAddress;
  if (it == by_source_.end()) {
    by_source_.emplace(source, 1);
  } else {
    ++it->second;
  }
  ++connections_;
  ++unauthenticated_;
  return Verdict::kAdmitted;
}

void Admission::authenticated() {
  const std::scoped_lock lock(mutex_);
  --unauthenticated_;
}

void Admission::leave(std::uint64_t source, bool was_authenticated) {
  const std::scoped_lock lock(mutex_);
  const auto it = by_source_.find(source);
  FEDQAT_CHECK(it != by_source_.end() && connections_ > 0);
  if (--it->second == 0) by_source_.erase(it);
  --connections_;
  if (!was_authenticated) --unauthenticated_;
}

std::size_t Admission::connections() const {
  const std::scoped_lock lock(mutex_);
  return connections_;
}

std::size_t Admission::unauthenticated() const {
  const std::scoped_lock lock(mutex_);
  return unauthenticated_;
}

}  // namespace fedqat
