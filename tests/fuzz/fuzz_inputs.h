// What several fuzz targets and the maker of their corpus share: grids, a network, files in memory.
#pragma once

#include <filesystem>
#include <utility>

#include "common/base/fs.h"
#include "common/codec/broadcast_codec.h"
#include "common/codec/update_codec.h"
#include "tests/support/random_data.h"

namespace fedqat {

// Every kind of tensor; sizes beyond a vector and not a multiple of any.
inline UpdateGrid fuzz_grid() {
  return {{67, 8, 0.01F},
          {37, 16, 1e-4F},
          {129, 5, 0.1F},
          {17, 32, 1},
          {9, 0, 1},
          {0, 4, 1},
          {13, 1, 0.1F},
          {300, 2, 1, UpdateCodec::kEden, 0.3F},
          {257, 1, 1, UpdateCodec::kEden, 0.5F},
          {0, 3, 1, UpdateCodec::kEden},
          {301, 2, 0.5F, UpdateCodec::kDither},
          {70, 8, 0, UpdateCodec::kDither},
          {0, 3, 1, UpdateCodec::kDither},
          {303, 2, 1, UpdateCodec::kSparse, 0.1F},
          {64, 8, 1, UpdateCodec::kSparse, 0.5F},
          {0, 3, 1, UpdateCodec::kSparse}};
}

inline Graph fuzz_graph() {
  auto graph = build_graph(every_layer_model({8, 8, 1}, 3), {4, 4, 8});
  FEDQAT_CHECK(graph);
  return *std::move(graph);
}

// Every plain file is there and has the same bytes, but for the five parts of the whole CIFAR-10.
class SameFileFs final : public Fs {
 public:
  explicit SameFileFs(ByteView content) : content_(content.begin(), content.end()) {}
  Result<Bytes> read(const std::filesystem::path&) override { return content_; }
  Result<void> write_atomic(const std::filesystem::path&, ByteView) override {
    return Error{Errc::kIo, "read only"};
  }
  Result<void> write_private(const std::filesystem::path&, ByteView) override {
    return Error{Errc::kIo, "read only"};
  }
  Result<void> remove(const std::filesystem::path&) override { return {}; }
  Result<void> make_private_dir(const std::filesystem::path&) override { return {}; }
  Result<void> make_dirs(const std::filesystem::path&) override { return {}; }
  bool exists(const std::filesystem::path& path) override {
    return path.extension() != ".gz" && path.filename() != "data_batch_1.bin";
  }

 private:
  Bytes content_;
};

}  // namespace fedqat
