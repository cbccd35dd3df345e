// Typed access to JSON from outside. The first thing that is wrong is remembered with its path, and
// every access after it gives a default, so that a reader is a plain list of fields.
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace fedqat {

class JsonReader {
 public:
  using Json = nlohmann::json;

  // kCorrupt: not JSON; names `file`, line and column.
  static Result<Json> parse(std::string_view text, std::string_view file);

  JsonReader(const Json& root, std::string_view file) : root_(root), file_(file) {}

  // A part of the document and how to name it in errors.
  struct Node {
    const Json* json = nullptr;  // null after an error
    std::string path;
  };
  Node root() const { return {&root_, ""}; }

  Node object(const Node& parent, const char* key);
  std::vector<Node> array(const Node& parent, const char* key);
  std::string text(const Node& parent, const char* key);
  double number(const Node& parent, const char* key);  // null is NaN
  std::uint64_t whole(const Node& parent, const char* key,
                      std::uint64_t max = std::numeric_limits<std::uint64_t>::max());
  bool is_null(const Node& parent, const char* key);
  bool has(const Node& parent, const char* key) const;  // keys that a format gained later
  double number(const Node& element);
  std::uint64_t whole(const Node& element, std::uint64_t max);
  std::string text(const Node& element);

  bool ok() const { return problem_.empty(); }
  void fail(const Node& node, const std::string& why);
  Error error() const;  // kChecks !ok()

 private:
  Node member(const Node& parent, const char* key);

  const Json& root_;
  std::string file_;
  std::string problem_;
};

}  // namespace fedqat
