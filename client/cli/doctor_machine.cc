#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <fstream>

#include "client/cli/doctor.h"
#include "common/base/isa.h"
#include "common/base/rng.h"
#include "common/kernels/qgemm/qgemm.h"
#include "common/tensor/buffer.h"

namespace fedqat {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

Finding folder_finding(const std::filesystem::path& dir) {
  struct stat folder {
  }, key{};
  if (::stat(dir.c_str(), &folder) != 0) {
    return {"folder", Health::kFail, dir.string() + ": " + std::strerror(errno),
            "enroll this device, or give its --state"};
  }
  if (folder.st_uid != ::geteuid()) {
    return {"folder", Health::kFail, dir.string() + " belongs to another user",
            "run as that user, or chown it"};
  }
  const bool has_key = ::stat((dir / "identity.key").c_str(), &key) == 0;
  if ((folder.st_mode & 077) != 0 || (has_key && (key.st_mode & 077) != 0)) {
    return {"folder", Health::kFail, dir.string() + " or its key can be read by others",
            "chmod 700 " + dir.string() + "; chmod 600 " + (dir / "identity.key").string() +
                "; enroll anew if others had access"};
  }
  return {"folder", Health::kOk, dir.string() + " is this user's alone", ""};
}

Finding disk_finding(const std::filesystem::path& dir) {
  struct statvfs disk {};
  if (::statvfs(dir.c_str(), &disk) != 0) {
    return {"disk", Health::kFail, std::strerror(errno), "check the file system"};
  }
  const std::uint64_t free_mib = std::uint64_t{disk.f_bavail} * disk.f_frsize / kMiB;
  Finding f{"disk", Health::kOk, std::to_string(free_mib) + " MiB free", ""};
  if (free_mib < 64) f.health = free_mib < 8 ? Health::kFail : Health::kWarn;
  if (f.health != Health::kOk) f.remedy = "free some space: an update and a checkpoint must fit";
  return f;
}

Finding sync_finding(const std::filesystem::path& dir, Fs& fs) {
  const auto path = dir / "doctor.tmp";
  const Bytes block(4096, std::byte{1});
  std::array<double, 5> ms{};
  for (double& t : ms) {
    const auto start = std::chrono::steady_clock::now();
    if (auto ok = fs.write_atomic(path, block); !ok) {
      return {"fsync", Health::kFail, ok.error().what, "make the state folder writable"};
    }
    t = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  }
  (void)fs.remove(path);
  std::sort(ms.begin(), ms.end());
  const auto median = static_cast<int>(ms[ms.size() / 2] + 0.5);
  Finding f{"fsync", Health::kOk, std::to_string(median) + " ms for a small file", ""};
  if (median > 500) {
    f.health = Health::kWarn;
    f.remedy = "a slow disk delays every round and checkpoint; raise duty.checkpoint_s";
  }
  return f;
}

Finding files_finding() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  Finding f{"files", Health::kOk, "at most " + std::to_string(limit.rlim_cur) + " open", ""};
  if (limit.rlim_cur < 32) {
    f.health = Health::kFail;
    f.remedy = "ulimit -n 64, or LimitNOFILE= in the unit";
  }
  return f;
}

Finding memory_finding() {
  std::ifstream info("/proc/meminfo");
  std::string word;
  std::uint64_t kib = 0;
  while (info >> word) {
    if (word == "MemAvailable:" && info >> kib) break;
  }
  if (kib == 0) {
    return {"memory", Health::kWarn, "not known", "see that 32 MiB and the data's size are free"};
  }
  Finding f{"memory", Health::kOk, std::to_string(kib / 1024) + " MiB available", ""};
  if (kib < 64 * 1024) {
    f.health = Health::kWarn;
    f.remedy = "training needs some 20 MiB and the samples; stop other programs";
  }
  return f;
}

// Does the kernel give the reference's product? Sizes beside every vector width.
bool kernel_agrees(const kernels::QgemmKernel& kernel) {
  constexpr int kRows = 5, kColumns = 19, kDepth = 67;
  Buffer<std::uint8_t> a(kRows * kDepth);
  Buffer<std::int8_t> b(kColumns * kDepth);
  Buffer<std::int32_t> bias(kColumns), want(kRows * kColumns), got(kRows * kColumns);
  Rng rng({1, 0, 0, Purpose::kTest});
  for (auto& x : a.span()) x = static_cast<std::uint8_t>(rng.below(256));
  for (auto& x : b.span()) x = static_cast<std::int8_t>(static_cast<int>(rng.below(255)) - 127);
  for (auto& x : bias.span()) x = static_cast<std::int32_t>(rng.below(2001)) - 1000;
  Buffer<std::byte> packed(kernel.packed_bytes(kColumns, kDepth));
  kernel.pack(b.data(), kDepth, kColumns, kDepth, packed.data());
  kernels::QgemmArgs args{kRows, kColumns,      kDepth,      a.data(),   kDepth,
                          77,    packed.data(), bias.data(), got.data(), kColumns};
  kernel.run(args);
  args.acc = want.data();
  kernels::qgemm_reference(args, b.data(), kDepth);
  return std::equal(got.span().begin(), got.span().end(), want.span().begin());
}

Finding kernels_finding() {
  Finding f{"kernels", Health::kOk, "", ""};
  for (const kernels::QgemmKernel& kernel : kernels::qgemm_kernels()) {
    if (!cpu_has(kernel.isa)) continue;
    const bool good = kernel_agrees(kernel);
    f.text +=
        (f.text.empty() ? "" : ", ") + std::string(kernel.name) + (good ? " exact" : " WRONG");
    if (!good) f.health = Health::kFail;
  }
  if (f.health == Health::kFail) f.remedy = "set FEDQAT_ISA=scalar, and report this processor";
  return f;
}

}  // namespace

std::vector<Finding> examine_machine(const std::filesystem::path& dir, Fs& fs) {
  std::vector<Finding> findings = {folder_finding(dir)};
  if (findings.front().health == Health::kOk) {
    findings.push_back(disk_finding(dir));
    findings.push_back(sync_finding(dir, fs));
  }
  findings.push_back(files_finding());
  findings.push_back(memory_finding());
  findings.push_back(kernels_finding());
  return findings;
}

}  // namespace fedqat
