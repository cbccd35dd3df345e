#include "common/data/idx.h"

#include <algorithm>
#include <utility>

#include "common/data/input_grid.h"

namespace fedqat {
namespace {

constexpr std::uint32_t kMaxSide = 4096;
// A quarter of what a size_t counts leaves room for the header where that has 32 bits.
constexpr std::uint64_t kMaxBytes = std::min<std::uint64_t>(std::uint64_t{1} << 36, SIZE_MAX / 4);

std::uint32_t big_endian(ByteView bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    value = value << 8 | std::to_integer<std::uint32_t>(bytes[at + i]);
  }
  return value;
}

std::string hex32(std::uint32_t value) {
  std::string text = "0x";
  for (int shift = 28; shift >= 0; shift -= 4) text += "0123456789abcdef"[value >> shift & 15];
  return text;
}

std::string product(const std::vector<std::uint32_t>& dims) {
  std::string text;
  for (const std::uint32_t d : dims) text += (text.empty() ? "" : " x ") + std::to_string(d);
  return text;
}

Error bad_count(const PackedFile& file, std::uint32_t count, const PackedFile& images,
                std::uint32_t expected) {
  return file.corrupt(4, std::to_string(count) + " entries, expected " + std::to_string(expected) +
                             ", one for each image of " + images.name() +
                             "; use files that belong together");
}

Result<std::vector<std::uint32_t>> read_owners(const PackedFile& file, const PackedFile& images,
                                               std::uint32_t count) {
  const auto ids = read_idx(file, IdxType::kI32, 1);
  if (!ids) return ids.error();
  if (ids->dims[0] != count) return bad_count(file, ids->dims[0], images, count);
  std::vector<std::uint32_t> owners(count);
  for (std::size_t i = 0; i < count; ++i)
    owners[i] = big_endian(std::as_bytes(std::span(ids->bytes)), 4 * i);
  return owners;
}

Result<Dataset> read_part(Fs& fs, const std::filesystem::path& dir, const std::string& part,
                          const IdxSpec& spec) {
  const auto images = PackedFile::open(fs, dir / (part + "-images-idx3-ubyte"));
  if (!images) return images.error();
  const auto labels = PackedFile::open(fs, dir / (part + "-labels-idx1-ubyte"));
  if (!labels) return labels.error();
  const std::filesystem::path writers_path = dir / (part + "-writers-idx1-int");
  if (!PackedFile::exists(fs, writers_path)) return idx_dataset(*images, *labels, nullptr, spec);
  const auto writers = PackedFile::open(fs, writers_path);
  if (!writers) return writers.error();
  return idx_dataset(*images, *labels, &*writers, spec);
}

}  // namespace

Result<IdxArray> read_idx(const PackedFile& file, IdxType type, int rank) {
  IdxArray array;
  array.header = 4 + 4 * static_cast<std::size_t>(rank);
  const auto head = file.content(array.header);
  if (!head) return head.error();
  const auto magic = static_cast<std::uint32_t>(type) << 8 | static_cast<std::uint32_t>(rank);
  if (head->size() >= 4 && big_endian(*head, 0) != magic) {
    return file.corrupt(0, "starts with " + hex32(big_endian(*head, 0)) + ", expected " +
                               hex32(magic) + " (IDX, " +
                               (type == IdxType::kU8 ? "unsigned bytes" : "32-bit integers") +
                               ", rank " + std::to_string(rank) + "); use the file of this name");
  }
  if (head->size() < array.header) {
    return file.corrupt(head->size(), "the file ends, expected " + std::to_string(array.header) +
                                          " bytes of IDX header; download it again");
  }
  const std::uint64_t width = type == IdxType::kU8 ? 1 : 4;
  std::uint64_t bytes = width;
  for (int i = 0; i < rank; ++i) {
    const std::size_t offset = 4 + 4 * static_cast<std::size_t>(i);
    const std::uint32_t dim = big_endian(*head, offset);
    const std::uint64_t most = i == 0 ? kMaxBytes / bytes : kMaxSide;
    if (dim == 0 || dim > most || dim > kMaxBytes / bytes) {
      return file.corrupt(offset, "dimension " + std::to_string(i) + " is " + std::to_string(dim) +
                                      ", expected 1 to " + std::to_string(most) +
                                      "; download the file again");
    }
    bytes *= dim;
    array.dims.push_back(dim);
  }
  const std::size_t size = array.header + static_cast<std::size_t>(bytes);
  const auto cut = [&](std::size_t end) {
    return file.corrupt(end, "the file ends, expected " + std::to_string(size) + " bytes (" +
                                 product(array.dims) + " elements); download it again");
  };
  if (size > file.most()) {
    const auto all = file.content(size);
    return all ? cut(all->size()) : all.error();
  }
  array.bytes.resize(size - array.header + 1);  // one more shows what should not be there
  const auto got = file.read(array.header, std::as_writable_bytes(std::span(array.bytes)));
  if (!got) return got.error();
  if (*got < size - array.header) return cut(array.header + *got);
  if (*got == array.bytes.size()) {
    return file.corrupt(size, "the file goes on, expected its end after " + product(array.dims) +
                                  " elements; download it again");
  }
  array.bytes.pop_back();
  return array;
}

Result<Dataset> idx_dataset(const PackedFile& images, const PackedFile& labels,
                            const PackedFile* writers, const IdxSpec& spec) {
  auto pixels = read_idx(images, IdxType::kU8, 3);
  if (!pixels) return pixels.error();
  auto classes = read_idx(labels, IdxType::kU8, 1);
  if (!classes) return classes.error();
  const std::uint32_t count = pixels->dims[0];
  if (classes->dims[0] != count) return bad_count(labels, classes->dims[0], images, count);

  Dataset data;
  data.name = spec.name;
  data.shape = {static_cast<int>(pixels->dims[1]), static_cast<int>(pixels->dims[2]), 1};
  data.codes = std::move(pixels->bytes);
  data.labels = std::move(classes->bytes);
  data.classes = spec.classes != 0 ? spec.classes
                                   : *std::max_element(data.labels.begin(), data.labels.end()) + 1;
  for (std::size_t i = 0; i < data.labels.size(); ++i) {
    if (data.labels[i] < data.classes) continue;
    return labels.corrupt(classes->header + i,
                          "label " + std::to_string(data.labels[i]) + ", expected 0 to " +
                              std::to_string(data.classes - 1) +
                              "; download the file again, or load other classes as 'idx'");
  }
  if (writers != nullptr) {
    auto owners = read_owners(*writers, images, count);
    if (!owners) return owners.error();
    data.owners = *std::move(owners);
  }
  return data;
}

Result<DataSplit> load_idx(Fs& fs, const std::filesystem::path& dir, const IdxSpec& spec) {
  DataSplit split;
  auto train = read_part(fs, dir, "train", spec);
  if (!train) return train.error();
  split.train = *std::move(train);
  split.train.grid = spec.grid ? *spec.grid : fit_input_grid(split.train.codes);
  IdxSpec same = spec;
  same.classes = split.train.classes;
  auto test = read_part(fs, dir, "t10k", same);
  if (!test) return test.error();
  split.test = *std::move(test);
  split.test.grid = split.train.grid;
  const Shape& a = split.train.shape;
  const Shape& b = split.test.shape;
  if (!(a == b)) {
    return Error{Errc::kCorrupt, (dir / "t10k-images-idx3-ubyte").string() +
                                     "[.gz]: byte 8: images of " + std::to_string(b.h) + " x " +
                                     std::to_string(b.w) + " pixels, expected " +
                                     std::to_string(a.h) + " x " + std::to_string(a.w) +
                                     " as in the training part; use files that belong together"};
  }
  return split;
}

}  // namespace fedqat
