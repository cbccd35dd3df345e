#include "common/base/isa.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <optional>
#include <string>

using namespace fedqat;

namespace {

// FEDQAT_ISA as it was, set again at the end.
class IsaVariable {
 public:
  IsaVariable() {
    if (const char* text = std::getenv("FEDQAT_ISA")) before_ = text;
  }
  ~IsaVariable() {
    before_ ? ::setenv("FEDQAT_ISA", before_->c_str(), 1) : ::unsetenv("FEDQAT_ISA");
  }
  IsaVariable(const IsaVariable&) = delete;
  IsaVariable& operator=(const IsaVariable&) = delete;
  void set(const char* text) { ::setenv("FEDQAT_ISA", text, 1); }

 private:
  std::optional<std::string> before_;
};

}  // namespace

TEST_CASE("isa: FEDQAT_ISA takes the names of instruction sets and refuses others") {
  IsaVariable variable;
  for (const char* name : {"scalar", "neon", "neondot", "avx2", "avxvnni", "avx512vnni", ""}) {
    variable.set(name);
    CHECK(check_isa_env());
  }
  for (const char* name : {"SCALAR", "avx", "avx2 ", "sse"}) {
    variable.set(name);
    const auto r = check_isa_env();
    REQUIRE_FALSE(r);
    CHECK(r.error().code == Errc::kInvalid);
    CHECK(r.error().what == "FEDQAT_ISA = '" + std::string(name) +
                                "' is no instruction set; use scalar, neon, neondot, avx2, "
                                "avxvnni or avx512vnni, or unset it");
  }
}
