// Weight sharing [Han16, Deep Compression]: a tensor's weights take at most 256 values, found by
// k-means, so that each is an index of 8 bits or fewer into a codebook.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace fedqat {

inline constexpr int kMaxCodebook = 256;

// Entries for a tensor of n weights where `wanted` are asked for: an entry of 32 bits has to serve
// 64 weights, half a bit each, but 16 entries are worth it in any case.
int codebook_size(std::size_t n, int wanted);

struct SharedWeights {
  std::vector<float> codebook;        // ascending, no value twice, each used
  std::vector<std::uint8_t> indices;  // of every weight in the codebook
};

enum class Spacing {
  kEven,   // from the least to the greatest weight, each entry the mean of its weights: nearly the
           // least error for the bits that entropy-coded indices take [GishPierce68]
  kLloyd,  // a local optimum of the squared error for that many entries, of Lloyd's iterations
};

// At most `entries` values, 1..256. Tensors that have no more are kept as they are. w: finite, at
// least one. The same bits on every machine.
SharedWeights share_weights(std::span<const float> w, int entries, Spacing spacing);

// The values: codebook[indices[i]]. out has the size of indices.
void expand(const SharedWeights& shared, std::span<float> out);

// Every element becomes the mean of the elements whose weights share its entry: the gradient of an
// entry, which is their sum, over their number. values has the size of indices.
void mean_shared(const SharedWeights& shared, std::span<float> values);

}  // namespace fedqat
