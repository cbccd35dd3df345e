#include "coordinator/state/audit_log.h"

#include <time.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <optional>

#include "common/base/failpoint.h"
#include "common/base/fs.h"
#include "common/crypto/sha256.h"

namespace fedqat {
namespace {

namespace stdfs = std::filesystem;

constexpr std::size_t kMaxLine = std::size_t{1} << 20;
constexpr std::size_t kHexDigest = 64;
constexpr std::string_view kPrev = ",\"prev\":\"";
constexpr std::string_view kHash = ",\"sha256\":\"";
constexpr std::string_view kEnd = "\"}";
constexpr std::string_view kHeadMagic = "fedqat-audit-head 1 ";
constexpr std::size_t kHeadDigits = 20;
constexpr std::size_t kHeadCheck = 16;
// "<magic><lines> <hash> <check>\n": check is the start of the SHA-256 of what is before it.
constexpr std::size_t kHeadSize =
    kHeadMagic.size() + kHeadDigits + 1 + kHexDigest + 1 + kHeadCheck + 1;
// Written in turn, so that a write that fails or tears leaves the one before it. Sectors apart.
constexpr std::array<std::uint64_t, 2> kHeadSlots = {0, 4096};

struct Head {
  std::uint64_t lines = 0;
  std::string hash = std::string(kHexDigest, '0');
  int next_slot = 0;
};

stdfs::path head_path(const stdfs::path& log) { return log.string() + ".head"; }

std::string encode_head(std::uint64_t lines, std::string_view hash) {
  const std::string digits = std::to_string(lines);
  std::string text(kHeadMagic);
  text += std::string(kHeadDigits - digits.size(), '0') + digits + " ";
  text += hash;
  text += " ";
  return text + to_hex(sha256(as_bytes(text))).substr(0, kHeadCheck) + "\n";
}

// The newer of the two. Empty: none was written yet.
Result<std::optional<Head>> read_head(File& file, const stdfs::path& path) {
  std::optional<Head> newest;
  bool empty = true;
  for (std::size_t slot = 0; slot < kHeadSlots.size(); ++slot) {
    std::array<std::byte, kHeadSize> bytes{};
    auto n = file.read_at(kHeadSlots[slot], bytes);
    if (!n) return n.error();
    if (*n > 0) empty = false;
    const std::string_view text = as_text(bytes);
    Head head;
    const char* digits = text.data() + kHeadMagic.size();
    std::from_chars(digits, digits + kHeadDigits, head.lines);
    head.hash = text.substr(kHeadMagic.size() + kHeadDigits + 1, kHexDigest);
    head.next_slot = 1 - static_cast<int>(slot);
    if (encode_head(head.lines, head.hash) != text) continue;
    if (!newest || head.lines >= newest->lines) newest = head;
  }
  if (newest || empty) return newest;
  return Error{Errc::kCorrupt, path.string() +
                                   ": is damaged, so a cut end of the log would not "
                                   "be noticed; restore it from a backup"};
}

// An open log has a head before it has its first line.
Error no_head(const stdfs::path& path) {
  return {Errc::kCorrupt, path.string() +
                              ": is missing, so a cut end of the log would not be noticed; "
                              "restore it"};
}

// What is wrong with line `number`, or its hash.
struct Checked {
  const char* wrong = nullptr;
  std::string hash;
};
Checked check_line(std::string_view line, std::uint64_t number, std::string_view prev) {
  const std::size_t tail = kHash.size() + kHexDigest + kEnd.size();
  if (line.size() < tail) return {"is not a line of an audit log", {}};
  const std::string_view text = line.substr(0, line.size() - tail);
  const std::string hash = to_hex(sha256(as_bytes(text)));
  if (line.substr(text.size()) != std::string(kHash) + hash + std::string(kEnd)) {
    return {"was changed", {}};
  }
  if (!text.starts_with("{\"seq\":" + std::to_string(number) + ",")) {
    return {"has another number: lines were removed, added or moved", {}};
  }
  if (!text.ends_with(std::string(kPrev) + std::string(prev) + "\"")) {
    return {"does not follow the line before it: lines were replaced", {}};
  }
  return {nullptr, hash};
}

struct Scan {
  std::uint64_t lines = 0;  // whole and in order, from the first
  std::string hash = std::string(kHexDigest, '0');
  std::uint64_t end = 0;       // of these lines
  std::uint64_t head_end = 0;  // of those that the head counts
  std::uint64_t size = 0;      // of the file
  std::string wrong;  // with what follows them; empty: nothing does, or a line without its end
};

Result<Scan> scan(File& file, const Head& head) {
  Scan s;
  std::string buffer;
  std::size_t begin = 0;  // in buffer, of the next line
  while (true) {
    const std::size_t newline = buffer.find('\n', begin);
    if (newline == std::string::npos) {
      buffer.erase(0, begin);
      begin = 0;
      if (buffer.size() > kMaxLine) {
        s.wrong = "is too long";
        break;
      }
      const std::size_t had = buffer.size();
      buffer.resize(had + (std::size_t{64} << 10));
      auto n = file.read_at(s.size, std::as_writable_bytes(std::span(buffer).subspan(had)));
      if (!n) return n.error();
      buffer.resize(had + *n);
      s.size += *n;
      if (*n == 0) break;
      continue;
    }
    const auto line = std::string_view(buffer).substr(begin, newline - begin);
    Checked checked = check_line(line, s.lines + 1, s.hash);
    if (checked.wrong == nullptr && s.lines + 1 == head.lines && checked.hash != head.hash) {
      checked.wrong = "is not the one that was synced: the log was replaced";
    }
    if (checked.wrong != nullptr) {
      s.wrong = checked.wrong;
      break;
    }
    ++s.lines;
    s.hash = checked.hash;
    s.end += line.size() + 1;
    if (s.lines == head.lines) s.head_end = s.end;
    begin = newline + 1;
  }
  auto size = file.size();
  if (!size) return size.error();
  s.size = *size;
  return s;
}

Error line_error(const stdfs::path& path, std::uint64_t line, const std::string& what) {
  return {Errc::kCorrupt, path.string() + ": line " + std::to_string(line) + ": " + what};
}

// Nothing that was synced is changed or missing.
Result<void> check_synced(const Scan& s, const Head& head, const stdfs::path& path) {
  if (s.lines >= head.lines) return {};
  if (!s.wrong.empty()) return line_error(path, s.lines + 1, s.wrong);
  return line_error(path, s.lines + 1,
                    s.end == s.size ? "is missing: the end of the log was cut off; line " +
                                          std::to_string(head.lines) + " was written"
                                    : "is cut off");
}

Result<void> rewrite(File& file, std::uint64_t begin, std::uint64_t end) {
  Bytes bytes(end - begin);
  auto n = file.read_at(begin, bytes);
  if (!n) return n.error();
  return file.write_at(begin, ByteView(bytes).first(*n));
}

// How many bytes at the start of `s` make one character of UTF-8; 0: none do.
std::size_t utf8_length(std::string_view s) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
  const unsigned char c = byte(0);
  if (c < 0x80) return 1;
  const std::size_t n = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
  if (c < 0xC2 || c > 0xF4 || s.size() < n) return 0;
  for (std::size_t i = 1; i < n; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const bool overlong = (c == 0xE0 && byte(1) < 0xA0) || (c == 0xF0 && byte(1) < 0x90);
  const bool surrogate = c == 0xED && byte(1) > 0x9F;
  const bool too_great = c == 0xF4 && byte(1) > 0x8F;
  return overlong || surrogate || too_great ? 0 : n;
}

std::string quoted(std::string_view s) {
  std::string out = "\"";
  while (!s.empty()) {
    const std::size_t n = utf8_length(s);
    const auto c = static_cast<unsigned char>(s[0]);
    if (n == 0) {
      out += "\xEF\xBF\xBD";  // U+FFFD
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += s[0];
    } else if (c < 0x20 || c == 0x7F) {
      std::array<char, 8> escape{};
      std::snprintf(escape.data(), escape.size(), "\\u%04x", c);
      out += escape.data();
    } else {
      out += s.substr(0, n);
    }
    s.remove_prefix(n == 0 ? 1 : n);
  }
  return out + "\"";
}

std::string time_text(std::int64_t now_s) {
  const time_t t = now_s;
  tm parts{};
  std::array<char, 40> text{};
  if (::gmtime_r(&t, &parts) == nullptr ||
      std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts) == 0) {
    return std::to_string(now_s);
  }
  return text.data();
}

}  // namespace

Result<AuditLog> AuditLog::open(const stdfs::path& path, std::int64_t now_s, Files* files) {
  Files& on = files == nullptr ? posix_files() : *files;
  AuditLog log;
  log.path_ = path;
  auto file = on.open(path);
  if (!file) return file.error();
  log.log_ = *std::move(file);
  file = on.open(head_path(path));
  if (!file) return file.error();
  log.head_ = *std::move(file);
  auto size = log.log_->size();
  if (!size) return size.error();
  auto head = read_head(*log.head_, head_path(path));
  // A log without lines has a new head written, whatever became of the old one in a power cut.
  if (!head && *size > 0) return head.error();
  if (head && !*head && *size > 0) return no_head(head_path(path));
  const Head known = head && *head ? **head : Head{};
  auto s = scan(*log.log_, known);
  if (!s) return s.error();
  if (auto r = check_synced(*s, known, path); !r) return r.error();
  log.head_slot_ = known.next_slot;
  log.lines_ = s->lines;
  log.end_ = s->end;
  log.last_hex_ = s->hash;
  if (s->end < s->size) {
    FEDQAT_FAILPOINT("audit.open.before_cut");
    if (auto r = log.log_->truncate(s->end); !r) return r.error();
    FEDQAT_FAILPOINT("audit.open.after_cut");
    const auto cut = static_cast<std::int64_t>(s->size - s->end);
    if (auto r = log.append(now_s, "audit_repaired", {{"cut_bytes", cut}}); !r) return r.error();
  }
  // What a killed process left may not be synced yet. After a failed sync the system takes it for
  // synced, so a new sync alone would not do.
  FEDQAT_FAILPOINT("audit.open.before_rewrite");
  if (auto r = rewrite(*log.log_, s->head_end, s->end); !r) return r.error();
  log.unsynced_ = true;
  if (auto r = log.sync(); !r) return r.error();
  FEDQAT_FAILPOINT("audit.open.before_dir_sync");
  if (auto r = on.sync_dir(path.parent_path()); !r) return r.error();
  return log;
}

Result<void> AuditLog::append(std::int64_t now_s, std::string_view event,
                              std::initializer_list<AuditField> fields) {
  if (auto r = usable(); !r) return r;
  std::string text = "{\"seq\":" + std::to_string(lines_ + 1) + ",\"time\":\"" + time_text(now_s) +
                     "\",\"event\":" + quoted(event);
  for (const AuditField& field : fields) {
    text += "," + quoted(field.key) + ":";
    const auto* number = std::get_if<std::int64_t>(&field.value);
    text += number != nullptr ? std::to_string(*number)
                              : quoted(std::get<std::string_view>(field.value));
  }
  text += std::string(kPrev) + last_hex_ + "\"";
  std::string hash = to_hex(sha256(as_bytes(text)));
  text += std::string(kHash) + hash + std::string(kEnd);
  if (text.size() > kMaxLine) {
    return Error{Errc::kInvalid, path_.string() + ": a line takes at most 1 MiB"};
  }
  buffer_ += text + "\n";
  last_hex_ = std::move(hash);
  ++lines_;
  unsynced_ = true;
  return {};
}

Result<void> AuditLog::usable() const {
  if (!broken_) return {};
  return Error{Errc::kIo, path_.string() +
                              ": an earlier sync failed; check the disk, then start "
                              "again"};
}

Result<void> AuditLog::sync() {
  if (auto r = usable(); !r) return r;
  if (!unsynced_) return {};
  FEDQAT_FAILPOINT("audit.sync.before_write");
  // May be tried again: the bytes go to the same place.
  if (auto r = log_->write_at(end_, as_bytes(buffer_)); !r) return r;
  FEDQAT_FAILPOINT("audit.sync.after_write");
  broken_ = true;  // until everything has worked
  if (auto r = log_->sync(); !r) return r;
  FEDQAT_FAILPOINT("audit.sync.after_log_sync");
  const std::string head = encode_head(lines_, last_hex_);
  const std::uint64_t slot = kHeadSlots[static_cast<std::size_t>(head_slot_)];
  if (auto r = head_->write_at(slot, as_bytes(head)); !r) return r;
  FEDQAT_FAILPOINT("audit.sync.after_head_write");
  if (auto r = head_->sync(); !r) return r;
  FEDQAT_FAILPOINT("audit.sync.after_head_sync");
  broken_ = false;
  head_slot_ = 1 - head_slot_;
  end_ += buffer_.size();
  buffer_.clear();
  unsynced_ = false;
  return {};
}

Result<std::uint64_t> AuditLog::verify(const stdfs::path& path, Files* files) {
  Files& on = files == nullptr ? posix_files() : *files;
  // The head first: a server that writes meanwhile is ahead of it.
  auto head_file = on.open_existing(head_path(path));
  if (!head_file) return head_file.error();
  auto head = read_head(**head_file, head_path(path));
  if (!head) return head.error();
  auto file = on.open_existing(path);
  if (!file) return file.error();
  auto size = (*file)->size();
  if (!size) return size.error();
  if (!*head && *size > 0) {  // unless a server has written it since
    head = read_head(**head_file, head_path(path));
    if (!head) return head.error();
    if (!*head) return no_head(head_path(path));
  }
  const Head known = head->value_or(Head{});
  auto s = scan(**file, known);
  if (!s) return s.error();
  if (auto r = check_synced(*s, known, path); !r) return r.error();
  if (!s->wrong.empty()) return line_error(path, s->lines + 1, s->wrong);
  return s->lines;
}

}  // namespace fedqat
