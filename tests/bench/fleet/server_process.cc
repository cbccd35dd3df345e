#include "tests/bench/fleet/server_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <thread>

#include "common/base/check.h"

namespace fedqat {

Usage usage_of(pid_t pid) {
  Usage u;
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string key; status >> key;) {
    if (key == "VmRSS:" || key == "VmHWM:") {
      double kib = 0;
      status >> kib;
      (key == "VmRSS:" ? u.rss_mib : u.peak_mib) = kib / 1024;
    }
  }
  clockid_t clock{};
  timespec cpu{};
  if (::clock_getcpuclockid(pid, &clock) == 0 && ::clock_gettime(clock, &cpu) == 0) {
    u.cpu_s = static_cast<double>(cpu.tv_sec) + static_cast<double>(cpu.tv_nsec) * 1e-9;
  }
  return u;
}

pid_t launch(const std::vector<std::string>& words, const std::string& log) {
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  FEDQAT_CHECK(pid >= 0);
  if (pid > 0) return pid;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  const int fd = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::dup2(fd, STDERR_FILENO);
  std::vector<char*> argv;
  for (const std::string& w : words) argv.push_back(const_cast<char*>(w.c_str()));
  argv.push_back(nullptr);
  ::execv(argv[0], argv.data());
  ::_exit(127);
}

int run_to_end(const std::vector<std::string>& words) {
  int status = 0;
  ::waitpid(launch(words, "/dev/null"), &status, 0);
  return status;
}

std::uint16_t read_port(const StatePaths& paths) {
  for (int i = 0; i < 100; ++i) {
    std::ifstream file(paths.dir / "ports");
    std::string key;
    int port = 0;
    if (file >> key >> port) return static_cast<std::uint16_t>(port);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  std::fprintf(stderr, "the coordinator did not start\n");
  std::exit(1);
}

}  // namespace fedqat
