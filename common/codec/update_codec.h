// A client's update as integers on the round's common grid. Every client of a round uses one step
// for a tensor, so the coordinator adds codes without decoding them (coordinator/aggregator.h).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/rng.h"

namespace fedqat {

// How a tensor travels. Values are on the wire: frozen.
enum class UpdateCodec : std::uint8_t { kUniform = 0, kEden = 1, kDither = 2, kSparse = 3 };
inline constexpr UpdateCodec kLastUpdateCodec = UpdateCodec::kSparse;

// kUniform: value = step * code, code in [-(2^(bits-1) - 1), 2^(bits-1) - 1].
//   bits 1:     code -1 or 1, an index of 0 or 1 (bit_pack.h), by stochastic rounding
//   bits 2..16: codes by stochastic rounding, packed (bit_pack.h)
//   bits 32:    IEEE binary32, little-endian; |value| <= kFixedLimit
//   bits 0:     not sent, every value is 0
// kEden: bits 1..8 and share as EdenRate (eden.h); every update has a rotation of its own.
// kDither: bits 2..8 and step, 0 for a step of each update's own, as DitherRate (dither.h); code =
// value * 256 / step. How many bytes it takes depends on the values.
// kSparse: bits 2..8 and share as SparseRate (sparse.h). Its error is fed back.
struct TensorGrid {
  std::size_t size = 0;  // elements
  int bits = 0;
  float step = 1;  // finite, > 0 (kDither: >= 0); unused at bits 0 and 32 and by kEden
  UpdateCodec codec = UpdateCodec::kUniform;
  float share = 1;  // (0, 1]; 1 unless kEden or kSparse
  bool operator==(const TensorGrid&) const = default;
};
using UpdateGrid = std::vector<TensorGrid>;

inline constexpr int kNotSentBits = 0;
inline constexpr int kFloatUpdateBits = 32;

// What is not on a grid of all clients (fp32, EDEN, steps of an update's own) enters the exact sum
// as rint(value / kFixedStep). With |value| <= kFixedLimit a sum of total weight 2^25 - 1 stays
// below 2^63.
inline constexpr double kFixedStep = 0x1p-30;
inline constexpr float kFixedLimit = 256;
std::int64_t to_fixed(float value);
bool in_fixed_point(const TensorGrid& grid);  // does it enter the sum so?

// Greatest |code| a tensor of this grid can contribute to the sum, and what one unit is worth.
std::int64_t max_code(const TensorGrid& grid);
double unit(const TensorGrid& grid);

// Greatest |code| of `bits` bits, 1..16.
int max_update_code(int bits);

// Codes [first, first + codes.size()) of a tensor of 1..16 bits, kUniform, that is `bytes`.
void unpack_update(const TensorGrid& grid, ByteView bytes, std::size_t first,
                   std::span<std::int16_t> codes);
// All codes of a tensor of kDither with a common step.
void decode_codes(const TensorGrid& grid, ByteView bytes, std::span<std::int16_t> codes);
// All values of a tensor that greatest_values() admits.
void decode_values(const TensorGrid& grid, ByteView bytes, std::span<float> values);

// kInvalid: bits or a share other than the above, a step that is not finite and positive.
Result<void> check_grid(std::span<const TensorGrid> grid);

// Bytes of a payload: the tensors one after the other, each from a byte boundary. Where a tensor's
// values decide, it says itself how many they are.
struct PayloadSize {
  std::size_t least = 0, most = 0;
  bool operator==(const PayloadSize&) const = default;
};
PayloadSize payload_size(std::span<const TensorGrid> grid);
// Any bytes that begin with the tensor: how many it takes; nothing: more than there are.
std::optional<std::size_t> tensor_size(const TensorGrid& tensor, ByteView bytes);

struct EncodedUpdate {
  Bytes payload;
  std::uint64_t clipped = 0;  // values beyond their grid, sent as its end
  // [tensors] before clipping: next round's grid follows from it; of kEden the greatest scale, of
  // a step of its own and of kSparse the magnitude in the payload
  std::vector<float> max_abs;
};

// delta has the elements of all tensors in order. Unbiased inside the grid: the expected value of
// step * code is delta. kInvalid: a value that is not finite (training diverged).
Result<EncodedUpdate> encode_update(std::span<const TensorGrid> grid, std::span<const float> delta,
                                    Rng rng);

// Any bytes: the greatest |code| of every tensor (kDither: |code| before the noise is off), of
// those in_fixed_point() what max_abs is at bits 32, of kEden or with a step of its own; or
// kCorrupt (length, a code or a float out of range, set padding bits). Reads them once.
Result<std::vector<float>> greatest_values(std::span<const TensorGrid> grid, ByteView payload);

// Any bytes: ok, or the error of greatest_values().
Result<void> check_payload(std::span<const TensorGrid> grid, ByteView payload);

// The values of a payload that check_payload() admits; otherwise its error.
Result<std::vector<float>> decode_update(std::span<const TensorGrid> grid, ByteView payload);

}  // namespace fedqat
