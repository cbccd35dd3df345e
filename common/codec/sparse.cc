#include "common/codec/sparse.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <vector>

#include "common/base/check.h"
#include "common/codec/bit_pack.h"
#include "common/codec/coded_values.h"

namespace fedqat {
namespace {

// Ascending places of the values that are sent.
std::vector<std::uint32_t> greatest(std::span<const float> x, std::size_t count) {
  std::vector<std::uint32_t> places(x.size());
  std::iota(places.begin(), places.end(), 0U);
  const auto greater = [&](std::uint32_t a, std::uint32_t b) {
    const float left = std::abs(x[a]), right = std::abs(x[b]);
    return left != right ? left > right : a < b;
  };
  if (count < places.size()) {
    std::nth_element(places.begin(), places.begin() + static_cast<std::ptrdiff_t>(count),
                     places.end(), greater);
    places.resize(count);
  }
  std::sort(places.begin(), places.end());
  return places;
}

double step_of(float range, int bits) { return static_cast<double>(range) / max_code(bits); }

}  // namespace

std::size_t sparse_count(std::size_t n, const SparseRate& rate) {
  return std::min(n, static_cast<std::size_t>(
                         std::ceil(static_cast<double>(rate.share) * static_cast<double>(n))));
}

std::size_t most_sparse_size(std::size_t n, const SparseRate& rate) {
  return n == 0 ? 0 : sizeof(float) + most_coded_size(n, rate.bits);
}

std::optional<std::size_t> sparse_size(ByteView bytes, std::size_t n, const SparseRate& rate) {
  if (n == 0) return 0;
  if (bytes.size() < sizeof(float)) return std::nullopt;
  const auto codes = coded_size(bytes.subspan(sizeof(float)), n, rate.bits);
  if (!codes) return std::nullopt;
  return sizeof(float) + *codes;
}

std::uint64_t encode_sparse(std::span<const float> x, const SparseRate& rate, float limit,
                            Bytes& out) {
  if (x.empty()) return 0;
  FEDQAT_CHECK(limit > 0);
  auto places = greatest(x, sparse_count(x.size(), rate));
  std::erase_if(places, [&](std::uint32_t i) { return x[i] == 0; });
  double sum = 0;
  float top = 0;
  std::uint64_t clipped = 0;
  for (const std::uint32_t i : places) {
    const float magnitude = std::min(std::abs(x[i]), limit);
    clipped += std::abs(x[i]) > limit ? 1 : 0;
    sum += static_cast<double>(magnitude);
    top = std::max(top, magnitude);
  }
  const double mean = places.empty() ? 0 : sum / static_cast<double>(places.size());
  const float range = rate.bits == 2 ? static_cast<float>(mean) : top;
  const double step = step_of(range, rate.bits);
  std::vector<std::int16_t> codes(x.size());
  for (const std::uint32_t i : places) {
    if (range == 0) break;
    const double magnitude = static_cast<double>(std::min(std::abs(x[i]), limit));
    const int code = rate.bits == 2 ? 1 : static_cast<int>(std::nearbyint(magnitude / step));
    codes[i] = static_cast<std::int16_t>(x[i] > 0 ? code : -code);
  }
  const std::size_t at = out.size();
  out.resize(at + sizeof range);
  std::memcpy(out.data() + at, &range, sizeof range);
  put_coded(codes, rate.bits, out);
  return clipped;
}

bool decode_sparse(ByteView bytes, const SparseRate& rate, float limit, std::span<float> values) {
  if (values.empty()) return true;
  std::vector<std::int16_t> codes(values.size());
  if (!take_coded(bytes.subspan(sizeof(float)), rate.bits, codes)) return false;
  const float range = sparse_range(bytes);
  if (!(range >= 0 && range <= limit) || std::signbit(range)) return false;
  const auto sent = codes.size() - static_cast<std::size_t>(
                                       std::count(codes.begin(), codes.end(), std::int16_t{0}));
  const int top = greatest_magnitude(codes);
  if (sent > sparse_count(codes.size(), rate)) return false;
  if (top != (range > 0 ? max_code(rate.bits) : 0)) return false;  // m is no other number
  const double step = step_of(range, rate.bits);
  for (std::size_t i = 0; i < codes.size(); ++i) values[i] = static_cast<float>(step * codes[i]);
  return true;
}

float sparse_range(ByteView bytes) {
  float range = 0;
  std::memcpy(&range, bytes.data(), sizeof range);
  return range;
}

}  // namespace fedqat
