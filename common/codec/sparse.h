// Top-k: the greatest changes of a tensor alone. What is left out must not be lost: the client adds
// it to its next update (error feedback, client/session.h). With 2 bits the codec of STC
// [Sattler19]: signs, and the mean magnitude for all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "common/base/bytes.h"

namespace fedqat {

// How a tensor is sent. bits: 2..8 of a value that is sent; share in (0, 1]: of the values that
// are.
struct SparseRate {
  int bits = 2;
  float share = 0.01F;
};

// How many of n values are sent at most: ceil(share n).
std::size_t sparse_count(std::size_t n, const SparseRate& rate);

// Bytes of n values: binary32 m, then n codes c (coded_values.h), 0 for what is not sent.
//   value = c D,  D = m / max_code(bits)
// m: the greatest magnitude, at 2 bits the mean magnitude of what is sent. Nothing for n = 0.
std::size_t most_sparse_size(std::size_t n, const SparseRate& rate);

// As coded_size().
std::optional<std::size_t> sparse_size(ByteView bytes, std::size_t n, const SparseRate& rate);

// Appends to `out`. Sends the greatest magnitudes, of equal ones the first, rounded to the nearest
// code. Values beyond `limit` are cut; returns how many. x is finite.
std::uint64_t encode_sparse(std::span<const float> x, const SparseRate& rate, float limit,
                            Bytes& out);

// Any bytes of sparse_size(): values within +-limit; false: they are not what encode_sparse()
// sends.
[[nodiscard]] bool decode_sparse(ByteView bytes, const SparseRate& rate, float limit,
                                 std::span<float> values);

float sparse_range(ByteView bytes);  // m

}  // namespace fedqat
