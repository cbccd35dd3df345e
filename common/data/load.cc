#include "common/data/load.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "common/crypto/sha256.h"
#include "common/data/cifar.h"
#include "common/data/digits.h"
#include "common/data/har.h"
#include "common/data/idx.h"
#include "common/data/input_grid.h"
#include "common/data/letters.h"
#include "common/data/packed_file.h"

namespace fedqat {
namespace {

namespace stdfs = std::filesystem;

enum class Source { kDigits, kLetters, kMnist, kFashionMnist, kCifar10, kHar, kIdx };

struct Entry {
  const char* name;
  Source source;
  std::vector<const char*> folders;  // usual names of its own folder
  std::vector<const char*> markers;  // one of these files shows that a folder holds it
  const char* remedy;
};

const std::vector<Entry>& entries() {
  static const std::vector<Entry> table = {
      {"digits", Source::kDigits, {}, {}, ""},
      {"letters", Source::kLetters, {"letters", "small-defaults"}, {kLettersMarker}, ""},
      {"mnist", Source::kMnist, {"mnist"}, {kIdxMarker}, ""},
      {"fashion-mnist",
       Source::kFashionMnist,
       {"fashion-mnist"},
       {kIdxMarker},
       ", or install Debian's package dataset-fashion-mnist"},
      {"cifar10",
       Source::kCifar10,
       {"cifar10", "cifar-10-batches-bin"},
       {kCifarMarkers[0], kCifarMarkers[1]},
       ""},
      {"har", Source::kHar, {"har", "har-hapt"}, {kHarMarker}, ""},
      {"idx", Source::kIdx, {"idx"}, {kIdxMarker}, ""},
  };
  return table;
}

bool is_folder_of_another(const stdfs::path& dir, const Entry& wanted) {
  const std::string last = (dir.has_filename() ? dir : dir.parent_path()).filename().string();
  return wanted.source != Source::kIdx &&
         std::any_of(entries().begin(), entries().end(),
                     [&](const Entry& e) { return e.source != wanted.source && last == e.name; });
}

Result<stdfs::path> find_folder(Fs& fs, const Entry& entry, const DataRequest& request,
                                const DataFolders& folders) {
  if (!request.dir.empty() && !fs.exists(request.dir)) {
    return Error{Errc::kNotFound, request.dir.string() +
                                      ": this data folder is not there; correct data.dir or "
                                      "--data, or leave it out to use FEDQAT_DATA"};
  }
  std::vector<stdfs::path> candidates;
  for (const stdfs::path& base : {request.dir, folders.user, folders.system}) {
    if (base.empty()) continue;
    for (const char* name : entry.folders) candidates.push_back(base / name);
    // FEDQAT_DATA=.../mnist must not pass for fashion-mnist: the file names are the same.
    if (!is_folder_of_another(base, entry)) candidates.push_back(base);
  }
  for (const stdfs::path& dir : candidates) {
    for (const char* marker : entry.markers) {
      if (PackedFile::exists(fs, dir / marker)) return dir;
    }
  }
  std::string what = "data set '" + request.name + "' is not there: no " + entry.markers[0];
  what += "[.gz] in ";
  for (const stdfs::path& dir : candidates) {
    what += (dir == candidates.front() ? "" : ", ") + dir.string();
  }
  return Error{Errc::kNotFound,
               what + "; set data.dir, --data or FEDQAT_DATA to its folder" + entry.remedy};
}

Result<DataSplit> load_from(Fs& fs, Source source, const stdfs::path& dir) {
  switch (source) {
    case Source::kDigits:
      return load_digits();
    case Source::kLetters:
      return load_letters(fs, dir);
    case Source::kMnist:
      return load_idx(fs, dir, {"mnist", 10, make_input_grid(0.1307, 0.3081)});
    case Source::kFashionMnist:
      return load_idx(fs, dir, {"fashion-mnist", 10, make_input_grid(0.2860, 0.3530)});
    case Source::kCifar10:
      return load_cifar10(fs, dir);
    case Source::kHar:
      return load_har(fs, dir);
    case Source::kIdx:
      return load_idx(fs, dir, {"idx", 0, std::nullopt});
  }
  return Error{Errc::kInvalid, "unknown source"};
}

void keep_first(Dataset& data, std::uint32_t limit) {
  if (limit == 0 || limit >= data.size()) return;
  data.labels.resize(limit);
  data.codes.resize(limit * data.shape.size());
  if (!data.owners.empty()) data.owners.resize(limit);
  data.labels.shrink_to_fit();
  data.codes.shrink_to_fit();
}

template <class T>
Bytes little_endian(std::span<const T> values) {
  Bytes bytes;
  bytes.reserve(values.size() * sizeof(T));
  for (const T v : values) {
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      bytes.push_back(static_cast<std::byte>(v >> (8 * i) & 0xff));
    }
  }
  return bytes;
}

}  // namespace

DataFolders data_folders_from_env() {
  DataFolders folders;
  if (const char* dir = std::getenv("FEDQAT_DATA"); dir != nullptr) folders.user = dir;
  return folders;
}

std::string content_sha256(const DataSplit& split) {
  Sha256 hash;
  for (const Dataset* data : {&split.train, &split.test}) {
    const std::uint64_t head[] = {static_cast<std::uint64_t>(data->shape.h),
                                  static_cast<std::uint64_t>(data->shape.w),
                                  static_cast<std::uint64_t>(data->shape.c),
                                  static_cast<std::uint64_t>(data->classes),
                                  data->size(),
                                  data->owners.size()};
    hash.update(little_endian<std::uint64_t>(head));
    hash.update(std::as_bytes(std::span(data->codes)));
    hash.update(std::as_bytes(std::span(data->labels)));
    hash.update(little_endian<std::uint32_t>(data->owners));
  }
  return to_hex(std::move(hash).finish());
}

Result<DataSplit> load_data(Fs& fs, const DataRequest& request, const DataFolders& folders) {
  const auto entry = std::find_if(entries().begin(), entries().end(),
                                  [&](const Entry& e) { return request.name == e.name; });
  if (entry == entries().end()) {
    std::string names;
    for (const Entry& e : entries()) names += (names.empty() ? "" : ", ") + std::string(e.name);
    return Error{Errc::kInvalid, "data.name = \"" + request.name + "\"; use one of " + names};
  }
  stdfs::path dir;
  if (!entry->markers.empty()) {
    const auto found = find_folder(fs, *entry, request, folders);
    if (!found) return found.error();
    dir = *found;
  }
  auto split = load_from(fs, entry->source, dir);
  if (!split) return split;
  split->sha256 = content_sha256(*split);
  keep_first(split->train, request.max_train);
  keep_first(split->test, request.max_test);
  return split;
}

}  // namespace fedqat
