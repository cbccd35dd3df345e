#include "sim/report/html.h"

#include "sim/report/style.h"

namespace fedqat {

std::string escape_html(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default: {
        const auto u = static_cast<unsigned char>(c);
        const bool control = (u < 0x20 && c != '\n' && c != '\t') || u == 0x7f;
        out += control ? '?' : c;
      }
    }
  }
  return out;
}

std::string html_page(std::string_view title, std::string_view subtitle, std::string_view body) {
  std::string page = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n";
  page += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
  page += "<meta name=\"color-scheme\" content=\"light dark\">\n<title>";
  page += escape_html(title) + " - fedqat</title>\n<style>";
  page += kStyle;
  page += "</style>\n</head>\n<body>\n<header><div class=\"brand\">";
  page += kLogo;
  page += "fedqat</div>\n<h1>" + escape_html(title) + "</h1>\n<p class=\"sub\">";
  page += escape_html(subtitle) + "</p></header>\n<main>\n";
  page += body;
  page += "</main>\n</body>\n</html>\n";
  return page;
}

std::string html_tiles(std::span<const Tile> tiles) {
  std::string out = "<section class=\"tiles\">\n";
  for (const Tile& t : tiles) {
    out += "<div class=\"tile\"><div class=\"label\">" + escape_html(t.label) +
           "</div><div class=\"value\">" + escape_html(t.value) + "</div><div class=\"note\">" +
           escape_html(t.note) + "</div></div>\n";
  }
  return out + "</section>\n";
}

std::string html_card(std::string_view title, std::string_view content, bool wide) {
  std::string out = wide ? "<section class=\"card wide\">" : "<section class=\"card\">";
  out += "<h2>" + escape_html(title) + "</h2>\n";
  out += content;
  return out + "</section>\n";
}

std::string html_facts(std::span<const std::pair<std::string, std::string>> facts) {
  std::string out = "<dl>";
  for (const auto& [name, value] : facts) {
    out += "<dt>" + escape_html(name) + "</dt><dd>" + escape_html(value) + "</dd>\n";
  }
  return out + "</dl>\n";
}

std::string html_table(std::span<const std::string> header,
                       std::span<const std::vector<std::string>> rows) {
  std::string out = "<div class=\"scroll\"><table><thead><tr>";
  for (const std::string& cell : header) out += "<th>" + escape_html(cell) + "</th>";
  out += "</tr></thead><tbody>\n";
  for (const auto& row : rows) {
    out += "<tr>";
    for (const std::string& cell : row) out += "<td>" + escape_html(cell) + "</td>";
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

std::string html_details(std::string_view summary, std::string_view content) {
  std::string out = "<details class=\"card wide\"><summary>" + escape_html(summary) + "</summary>";
  out += content;
  return out + "</details>\n";
}

}  // namespace fedqat
