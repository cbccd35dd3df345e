#include "sim/report/json_reader.h"

#include <algorithm>
#include <cmath>

namespace fedqat {
namespace {

constexpr const char* kRemedy =
    "; it is damaged or was not written by fedqat-sim: run the command that made it again";

}  // namespace

Result<JsonReader::Json> JsonReader::parse(std::string_view text, std::string_view file) {
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& e) {
    const std::size_t end = std::min<std::size_t>(text.size(), e.byte > 0 ? e.byte - 1 : 0);
    const std::string_view before = text.substr(0, end);
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    const std::size_t start = before.rfind('\n') == before.npos ? 0 : before.rfind('\n') + 1;
    return Error{Errc::kCorrupt, std::string(file) + ":" + std::to_string(line) + ":" +
                                     std::to_string(end - start + 1) + ": not valid JSON" +
                                     kRemedy};
  }
}

void JsonReader::fail(const Node& node, const std::string& why) {
  if (ok()) problem_ = (node.path.empty() ? "the document" : node.path) + " " + why;
}

Error JsonReader::error() const {
  FEDQAT_CHECK(!ok());
  return {Errc::kCorrupt, file_ + ": " + problem_ + kRemedy};
}

JsonReader::Node JsonReader::member(const Node& parent, const char* key) {
  Node node{nullptr, parent.path.empty() ? key : parent.path + "." + key};
  if (!ok() || parent.json == nullptr) return node;
  if (!parent.json->is_object()) {
    fail(parent, "is not an object");
  } else if (const auto found = parent.json->find(key); found == parent.json->end()) {
    fail(node, "is missing");
  } else {
    node.json = &*found;
  }
  return node;
}

JsonReader::Node JsonReader::object(const Node& parent, const char* key) {
  Node node = member(parent, key);
  if (node.json != nullptr && !node.json->is_object()) {
    fail(node, "is not an object");
    node.json = nullptr;
  }
  return node;
}

std::vector<JsonReader::Node> JsonReader::array(const Node& parent, const char* key) {
  const Node node = member(parent, key);
  std::vector<Node> elements;
  if (node.json == nullptr) return elements;
  if (!node.json->is_array()) {
    fail(node, "is not a list");
    return elements;
  }
  for (const Json& element : *node.json) {
    elements.push_back({&element, node.path + "[" + std::to_string(elements.size()) + "]"});
  }
  return elements;
}

std::string JsonReader::text(const Node& element) {
  if (element.json == nullptr) return {};
  if (!element.json->is_string()) {
    fail(element, "is not a string");
    return {};
  }
  return element.json->get<std::string>();
}

double JsonReader::number(const Node& element) {
  if (element.json == nullptr) return 0;
  if (element.json->is_null()) return std::nan("");
  if (!element.json->is_number()) {
    fail(element, "is not a number");
    return 0;
  }
  return element.json->get<double>();
}

std::uint64_t JsonReader::whole(const Node& element, std::uint64_t max) {
  if (element.json == nullptr) return 0;
  if (!element.json->is_number_unsigned()) {
    fail(element, "is not a whole number");
    return 0;
  }
  const auto n = element.json->get<std::uint64_t>();
  if (n > max) fail(element, "is greater than " + std::to_string(max));
  return std::min(n, max);
}

std::string JsonReader::text(const Node& parent, const char* key) {
  return text(member(parent, key));
}
double JsonReader::number(const Node& parent, const char* key) {
  return number(member(parent, key));
}
std::uint64_t JsonReader::whole(const Node& parent, const char* key, std::uint64_t max) {
  return whole(member(parent, key), max);
}
bool JsonReader::is_null(const Node& parent, const char* key) {
  const Node node = member(parent, key);
  return node.json != nullptr && node.json->is_null();
}

bool JsonReader::has(const Node& parent, const char* key) const {
  return parent.json != nullptr && parent.json->contains(key);
}

}  // namespace fedqat
