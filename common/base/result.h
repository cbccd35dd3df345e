// A value or an Error. Named after std::expected (C++23) so that it can be swapped later.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "common/base/check.h"

namespace fedqat {

enum class Errc : std::uint8_t {
  kInvalid,      // the caller's data is wrong (config, shape, range)
  kCorrupt,      // bytes from disk or a peer do not parse
  kNotFound,     // no such file, run, device
  kRejected,     // a peer said no; do not retry this round
  kUnavailable,  // may work later
  kTimeout,
  kIo,  // the operating system failed a read or a write
};

// Short lower-case name for logs: "invalid", "corrupt"...
std::string_view errc_name(Errc code);

struct Error {
  Errc code;
  std::string what;  // says the place and the remedy; shown to users as it is
};

// e with `where` put before its text: "where: what".
Error at(std::string_view where, Error e);

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : v_(std::move(value)) {}      // NOLINT: implicit on purpose
  Result(Error error) : v_(std::move(error)) {}  // NOLINT

  explicit operator bool() const { return v_.index() == 0; }
  T& value() & {
    FEDQAT_CHECK(*this);
    return std::get<0>(v_);
  }
  const T& value() const& {
    FEDQAT_CHECK(*this);
    return std::get<0>(v_);
  }
  T&& value() && {
    FEDQAT_CHECK(*this);
    return std::get<0>(std::move(v_));
  }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  const Error& error() const {
    FEDQAT_CHECK(!*this);
    return std::get<1>(v_);
  }

 private:
  std::variant<T, Error> v_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : v_(std::move(error)) {}  // NOLINT

  explicit operator bool() const { return v_.index() == 0; }
  const Error& error() const {
    FEDQAT_CHECK(!*this);
    return std::get<1>(v_);
  }

 private:
  std::variant<std::monostate, Error> v_;
};

}  // namespace fedqat
