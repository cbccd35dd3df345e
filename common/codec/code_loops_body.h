// Loops of code_loops.h, compiled once for each instruction set; the compiler vectorizes all but
// the unpacking.
#pragma once

#include <algorithm>
#include <bit>
#include <cstring>

#include "common/codec/code_loops.h"
#include "common/codec/update_codec.h"

#ifdef __AVX2__
#include <immintrin.h>
#endif

namespace fedqat {
namespace {

template <class Code, class Magnitude>
int greatest_loop(const Code* codes, std::size_t n) {
  Magnitude top = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const auto size = static_cast<Magnitude>(codes[i] < 0 ? -codes[i] : codes[i]);
    top = std::max(top, size);
  }
  return top;
}

template <class Code>
void add_loop(const Code* codes, std::size_t n, std::int32_t weight, std::int32_t* sum) {
  for (std::size_t i = 0; i < n; ++i) sum[i] += weight * codes[i];
}

// Beyond 2^52 a double holds whole numbers only: the sum is rounded as rint() does.
void add_floats_loop(const std::byte* values, std::size_t n, std::int64_t weight,
                     std::int64_t* sum) {
  constexpr double kWhole = 0x1.8p52;
  for (std::size_t i = 0; i < n; ++i) {
    float value = 0;
    std::memcpy(&value, values + i * sizeof value, sizeof value);
    const double rounded = static_cast<double>(value) * (1 / kFixedStep) + kWhole;
    sum[i] += weight * (std::bit_cast<std::int64_t>(rounded) - std::bit_cast<std::int64_t>(kWhole));
  }
}

void flush_loop(std::int32_t* partial, std::size_t n, std::int64_t* sum) {
  for (std::size_t i = 0; i < n; ++i) {
    sum[i] += partial[i];
    partial[i] = 0;
  }
}

#ifdef __AVX512BW__

// The stream repeats every 8 codes, which take `bits` bytes: one 16-byte lane. A code lies in two
// neighbouring bytes, the shuffle brings them into its 16-bit element, the product shifts its sign
// to bit 15.
struct Unpacker {
  static constexpr std::size_t kCodes = 32, kReads = 32;  // codes and bytes at a time
  explicit Unpacker(int bits) {
    alignas(64) std::int8_t bytes[64];
    alignas(64) std::int16_t up[32];
    alignas(64) std::int32_t words[16];
    for (int lane = 0; lane < 4; ++lane) {
      const int at = lane * bits;  // of the lane's first byte; the dword below it comes first
      for (int w = 0; w < 4; ++w) words[4 * lane + w] = at / 4 + w;
      for (int c = 0; c < 8; ++c) {
        const int bit = c * bits, byte = at % 4 + bit / 8;
        bytes[16 * lane + 2 * c] = static_cast<std::int8_t>(byte);
        bytes[16 * lane + 2 * c + 1] = static_cast<std::int8_t>(byte + 1);
        up[8 * lane + c] = static_cast<std::int16_t>(1 << (16 - bits - bit % 8));
      }
    }
    words_ = _mm512_load_si512(words);
    bytes_ = _mm512_load_si512(bytes);
    up_ = _mm512_load_si512(up);
    down_ = _mm_cvtsi32_si128(16 - bits);
  }
  void operator()(const std::byte* in, std::int16_t* out) const {
    // Masks: the load reads 32 bytes; without the second GCC 12 warns of its header (bug 105593).
    const __m512i read = _mm512_maskz_loadu_epi64(0xf, in);
    const __m512i lanes = _mm512_maskz_permutexvar_epi32(0xffff, words_, read);
    const __m512i raised = _mm512_mullo_epi16(_mm512_shuffle_epi8(lanes, bytes_), up_);
    _mm512_storeu_si512(out, _mm512_sra_epi16(raised, down_));
  }
  __m512i words_, bytes_, up_;
  __m128i down_;
};

#elif defined(__AVX2__)

struct Unpacker {
  static constexpr std::size_t kCodes = 16, kReads = 32;
  explicit Unpacker(int bits) : bits_(bits) {
    alignas(16) std::int8_t bytes[16];
    alignas(16) std::int16_t up[8];
    for (int c = 0; c < 8; ++c) {
      const int bit = c * bits;
      bytes[2 * c] = static_cast<std::int8_t>(bit / 8);
      bytes[2 * c + 1] = static_cast<std::int8_t>(bit / 8 + 1);
      up[c] = static_cast<std::int16_t>(1 << (16 - bits - bit % 8));
    }
    bytes_ = _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<__m128i*>(bytes)));
    up_ = _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<__m128i*>(up)));
    down_ = _mm_cvtsi32_si128(16 - bits);
  }
  void operator()(const std::byte* in, std::int16_t* out) const {
    const auto lane = [](const std::byte* at) {
      return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    };
    const __m256i lanes = _mm256_set_m128i(lane(in + bits_), lane(in));
    const __m256i raised = _mm256_mullo_epi16(_mm256_shuffle_epi8(lanes, bytes_), up_);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), _mm256_sra_epi16(raised, down_));
  }
  int bits_;
  __m256i bytes_, up_;
  __m128i down_;
};

#else

struct Unpacker {
  static constexpr std::size_t kCodes = 8, kReads = 8;
  explicit Unpacker(int bits) : bits_(bits) {}
  void operator()(const std::byte* in, std::int16_t* out) const {
    std::uint64_t word = 0;
    std::memcpy(&word, in, sizeof word);
    for (int c = 0; c < 8; ++c, word >>= bits_) {
      const auto raised = static_cast<std::int8_t>(word << (8 - bits_));
      out[c] = static_cast<std::int16_t>(raised >> (8 - bits_));
    }
  }
  int bits_;
};

#endif

std::size_t unpack_loop(const std::byte* packed, std::size_t bytes, int bits, std::size_t n,
                        std::int16_t* codes) {
  const Unpacker unpack(bits);
  const std::size_t step = Unpacker::kCodes / 8 * static_cast<std::size_t>(bits);
  std::size_t done = 0;
  for (std::size_t at = 0; done + Unpacker::kCodes <= n && at + Unpacker::kReads <= bytes;
       at += step, done += Unpacker::kCodes) {
    unpack(packed + at, codes + done);
  }
  return done;
}

#ifdef __AVX512BW__
constexpr Isa kIsa = Isa::kAvx512Vnni;
#elif defined(__AVX2__)
constexpr Isa kIsa = Isa::kAvx2;
#else
constexpr Isa kIsa = Isa::kScalar;
#endif

constexpr CodeLoops kLoops = {kIsa,
                              greatest_loop<std::int8_t, std::uint8_t>,
                              greatest_loop<std::int16_t, std::uint16_t>,
                              add_loop<std::int8_t>,
                              add_loop<std::int16_t>,
                              add_floats_loop,
                              flush_loop,
                              unpack_loop};

}  // namespace
}  // namespace fedqat
