#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>

#include "client/cli/bench.h"

namespace fedqat {
namespace {

using Json = nlohmann::ordered_json;

// One line for each row, and one for an error.
int child(Isa isa, const std::function<Result<void>(const BenchSink&)>& rows, std::FILE* out) {
  const auto say = [&](const Json& line) {
    std::fprintf(out, "%s\n", line.dump().c_str());
    std::fflush(out);
  };
  const std::string name(isa_name(isa));
  ::setenv("FEDQAT_ISA", name.c_str(), 1);
  if (best_isa() != isa) {
    say({{"error", "--isa: this machine has no " + name + "; its best is " +
                       std::string(isa_name(best_isa()))}});
    return 1;
  }
  const auto ok = rows([&](const BenchRow& row) { say(Json(row)); });
  if (!ok) say({{"error", ok.error().what}});
  return ok ? 0 : 1;
}

}  // namespace

Result<void> with_isa(Isa isa, const std::function<Result<void>(const BenchSink&)>& rows,
                      const BenchSink& sink) {
  int pipe[2];
  if (::pipe(pipe) != 0) return Error{Errc::kIo, std::string("pipe: ") + std::strerror(errno)};
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::close(pipe[0]);
    ::_exit(child(isa, rows, ::fdopen(pipe[1], "w")));
  }
  ::close(pipe[1]);
  std::FILE* in = ::fdopen(pipe[0], "r");
  Result<void> ok;
  if (pid < 0) ok = Error{Errc::kIo, std::string("fork: ") + std::strerror(errno)};
  char* line = nullptr;
  std::size_t capacity = 0;
  while (::getline(&line, &capacity, in) > 0) {
    const Json json = Json::parse(line, nullptr, false);
    if (json.is_object() && json.contains("error")) {
      ok = Error{Errc::kInvalid, json["error"].get<std::string>()};
    } else if (json.is_object()) {
      sink(json.get<BenchRow>());
    }
  }
  std::free(line);
  std::fclose(in);
  int status = 0;
  if (pid > 0) ::waitpid(pid, &status, 0);
  if (ok && status != 0) {
    ok = Error{Errc::kIo, "the process that measured " + std::string(isa_name(isa)) +
                              " ended early; set FEDQAT_ISA, and measure without --isa"};
  }
  return ok;
}

}  // namespace fedqat
