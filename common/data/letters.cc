#include "common/data/letters.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include "common/data/input_grid.h"
#include "common/data/packed_file.h"

namespace fedqat {
namespace {

constexpr int kFeatures = 16;
constexpr std::size_t kMaxBytes = std::size_t{16} << 20;  // the real file has 0.7 MiB

struct Row {
  std::uint8_t label = 0;
  std::uint8_t features[kFeatures] = {};
};

// One line without its end, or nothing.
std::optional<Row> parse_row(std::string_view line) {
  if (line.empty() || line[0] < 'A' || line[0] > 'Z') return std::nullopt;
  Row row;
  row.label = static_cast<std::uint8_t>(line[0] - 'A');
  const char* at = line.data() + 1;
  const char* const end = line.data() + line.size();
  for (std::uint8_t& feature : row.features) {
    if (at == end || *at != ',') return std::nullopt;
    const auto number = std::from_chars(at + 1, end, feature);
    if (number.ec != std::errc() || feature > 15) return std::nullopt;
    at = number.ptr;
  }
  return at == end ? std::optional(row) : std::nullopt;
}

void append(Dataset& part, const Row& row) {
  part.labels.push_back(row.label);
  for (const std::uint8_t f : row.features) part.codes.push_back(static_cast<std::uint8_t>(17 * f));
}

}  // namespace

Result<DataSplit> load_letters(Fs& fs, const std::filesystem::path& dir) {
  const auto file = PackedFile::open(fs, dir / kLettersMarker);
  if (!file) return file.error();
  const auto content = file->content(kMaxBytes);
  if (!content) return content.error();
  if (content->size() == kMaxBytes) {
    return file->corrupt(kMaxBytes, "the file goes on, expected 20,000 rows; download it again");
  }
  const std::string_view text = as_text(*content);
  std::vector<Row> rows;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = text.substr(begin, end - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    const auto row = parse_row(line);
    // A cut in the last number leaves a valid row: only the end of line shows that it is whole.
    if (!row || end == text.size()) {
      return file->corrupt(begin, "line " + std::to_string(rows.size() + 1) +
                                      ": expected a capital letter, 16 features from 0 to 15 and "
                                      "an end of line; download the file again");
    }
    rows.push_back(*row);
    begin = end + 1;
  }
  if (rows.size() < 5) {
    return file->corrupt(text.size(), "the file ends after " + std::to_string(rows.size()) +
                                          " rows, expected 20,000; download it again");
  }
  DataSplit split;
  for (Dataset* part : {&split.train, &split.test}) {
    part->name = "letters";
    part->shape = {1, 1, kFeatures};
    part->classes = 26;
    part->grid = make_input_grid(0.3950, 0.1939);  // of all 20,000 rows
  }
  const std::size_t train_rows = rows.size() * 4 / 5;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    append(i < train_rows ? split.train : split.test, rows[i]);
  }
  return split;
}

}  // namespace fedqat
