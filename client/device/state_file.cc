#include "client/device/state_file.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/base/fs.h"
#include "common/crypto/sha256.h"

namespace fedqat {
namespace {

constexpr std::size_t kHashAt = 24;
constexpr std::uint32_t kFormat = 1;

Digest digest_of_file(ByteView head, ByteView payload) {
  Sha256 hash;
  hash.update(head);
  hash.update(payload);
  return std::move(hash).finish();
}

// Everything before the hash.
Bytes head_of(std::string_view magic, std::uint64_t payload_bytes) {
  FEDQAT_CHECK(magic.size() == 8);
  Bytes head(kHashAt);
  std::copy_n(as_bytes(magic).begin(), 8, head.begin());
  head[8] = std::byte{kFormat};
  for (std::size_t i = 0; i < 8; ++i) head[16 + i] = std::byte(payload_bytes >> (8 * i) & 255);
  return head;
}

}  // namespace

Bytes seal_state(std::string_view magic, ByteView payload) {
  Bytes file = head_of(magic, payload.size());
  const Digest digest = digest_of_file(file, payload);
  file.reserve(kStateHeader + payload.size());
  file.insert(file.end(), digest.begin(), digest.end());
  file.insert(file.end(), payload.begin(), payload.end());
  return file;
}

Result<ByteView> open_state(std::string_view magic, ByteView file) {
  if (file.size() < kStateHeader) return Error{Errc::kCorrupt, "the file is cut in its header"};
  const ByteView payload = file.subspan(kStateHeader);
  const Bytes head = head_of(magic, payload.size());
  if (!std::equal(head.begin(), head.end(), file.begin())) {
    return Error{Errc::kCorrupt, "the file is cut, or of another kind or format"};
  }
  const Digest digest = digest_of_file(head, payload);
  if (!std::equal(digest.begin(), digest.end(), file.begin() + kHashAt)) {
    return Error{Errc::kCorrupt, "the file does not have its SHA-256"};
  }
  return payload;
}

}  // namespace fedqat
