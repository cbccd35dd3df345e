#include "common/codec/codebook_codec.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "common/codec/range_coder.h"
#include "common/quant/weight_sharing.h"

namespace fedqat {
namespace {

// Ascending; empty when there are too many.
std::vector<float> distinct_values(std::span<const float> w) {
  std::vector<float> values;
  for (const float v : w) {
    const auto at = std::lower_bound(values.begin(), values.end(), v);
    if (at != values.end() && *at == v) continue;
    if (values.size() == kMaxCodebook) return {};
    values.insert(at, v == 0 ? 0.0F : v);
  }
  return values;
}

Error corrupt(const char* what) { return {Errc::kCorrupt, std::string("codebook: ") + what}; }

}  // namespace

std::optional<Bytes> encode_codebook(std::span<const float> w) {
  const std::vector<float> values = distinct_values(w);
  if (values.empty()) return std::nullopt;
  std::vector<std::uint8_t> indices(w.size());
  for (std::size_t i = 0; i < w.size(); ++i) {
    const auto at = std::lower_bound(values.begin(), values.end(), w[i]);
    indices[i] = static_cast<std::uint8_t>(at - values.begin());
  }
  const auto entries = static_cast<std::uint16_t>(values.size());
  const std::size_t head = sizeof entries + values.size() * sizeof(float);
  Bytes out(head);
  std::memcpy(out.data(), &entries, sizeof entries);
  std::memcpy(out.data() + sizeof entries, values.data(), values.size() * sizeof(float));
  const Bytes coded = encode_symbols(indices, entries);
  out.insert(out.end(), coded.begin(), coded.end());
  if (out.size() >= w.size_bytes()) return std::nullopt;
  return out;
}

Result<std::vector<float>> decode_codebook(ByteView bytes, std::size_t count) {
  std::uint16_t entries = 0;
  if (bytes.size() < sizeof entries) return corrupt("ends inside its number of entries");
  std::memcpy(&entries, bytes.data(), sizeof entries);
  const std::size_t head = sizeof entries + entries * sizeof(float);
  if (entries < 1 || entries > kMaxCodebook) return corrupt("has not 1 to 256 entries");
  if (bytes.size() < head) return corrupt("ends inside its entries");
  std::vector<float> values(entries);
  std::memcpy(values.data(), bytes.data() + sizeof entries, values.size() * sizeof(float));
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) return corrupt("entry is not finite");
    if (i > 0 && !(values[i - 1] < values[i])) return corrupt("entries do not ascend");
  }
  const auto indices = decode_symbols(bytes.subspan(head), count, entries);
  if (!indices) return at("codebook", indices.error());
  std::vector<float> out(count);
  for (std::size_t i = 0; i < count; ++i) out[i] = values[(*indices)[i]];
  return out;
}

}  // namespace fedqat
