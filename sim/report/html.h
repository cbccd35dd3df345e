// The frame of every page: escaping, style sheet, tiles and tables. Pages are one file: no scripts,
// no network, light and dark by the reader's preference.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fedqat {

// For text and for attributes in double quotes. Control characters, which XML forbids, become '?'.
std::string escape_html(std::string_view text);

// A whole document. `title` and `subtitle` are plain text, `body` is HTML.
std::string html_page(std::string_view title, std::string_view subtitle, std::string_view body);

struct Tile {  // a figure worth a headline; plain text
  std::string label;
  std::string value;
  std::string note;
};
std::string html_tiles(std::span<const Tile> tiles);

// A card with a heading; `content` is HTML. wide: takes the whole width of the page.
std::string html_card(std::string_view title, std::string_view content, bool wide = false);

// Two columns of plain text.
std::string html_facts(std::span<const std::pair<std::string, std::string>> facts);

// Plain text cells, the first column left-aligned, the others right.
std::string html_table(std::span<const std::string> header,
                       std::span<const std::vector<std::string>> rows);

// Hidden until opened; `content` is HTML.
std::string html_details(std::string_view summary, std::string_view content);

}  // namespace fedqat
