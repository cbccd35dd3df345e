#include "common/wire/schema.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>

#include "common/base/check.h"
#include "common/base/decimal.h"
#include "common/wire/options.pb.h"

namespace fedqat {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// A bound as a person writes it: 10000000, not 1e+07.
std::string bound(double value) {
  // The greatest integer of TOML; double has only the next one.
  if (value == 0x1p63) return std::to_string(std::numeric_limits<std::int64_t>::max());
  return decimal(value);
}

std::string toml_double(double value) {
  std::string text = decimal(value);
  // "1" would be an integer in TOML.
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

std::string_view last_part(std::string_view name) { return name.substr(name.rfind('.') + 1); }

void add_names(const Descriptor& table, const std::string& prefix, std::vector<std::string>& out) {
  for (int i = 0; i < table.field_count(); ++i) {
    const FieldDescriptor& key = *table.field(i);
    out.push_back(prefix + key.name());
    if (is_table(key)) add_names(*key.message_type(), out.back() + ".", out);
  }
}

}  // namespace

bool is_table(const FieldDescriptor& key) {
  return key.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
}

std::string key_doc(const FieldDescriptor& key) { return key.options().GetExtension(wire::doc); }

std::string key_bounds(const FieldDescriptor& key) {
  const auto& options = key.options();
  std::string text;
  for (const std::string& choice : options.GetRepeatedExtension(wire::choices)) {
    text += (text.empty() ? "" : ", ") + toml_string(choice);
  }
  if (!text.empty() || key.cpp_type() == FieldDescriptor::CPPTYPE_STRING || is_table(key)) {
    return text;
  }
  const bool has_max = options.HasExtension(wire::max);
  const std::string max = bound(options.GetExtension(wire::max));
  if (options.HasExtension(wire::above)) {
    text = "more than " + bound(options.GetExtension(wire::above));
    return has_max ? text + ", at most " + max : text;
  }
  if (options.HasExtension(wire::min)) {
    text = bound(options.GetExtension(wire::min));
    return text + (has_max ? " to " + max : " or more");
  }
  return has_max ? (key.cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE ? "at most " : "0 to ") + max
                 : "";
}

std::string key_type(const FieldDescriptor& key) {
  const bool many = key.is_repeated();
  switch (key.cpp_type()) {
    case FieldDescriptor::CPPTYPE_UINT32:
    case FieldDescriptor::CPPTYPE_UINT64:
      return many ? "an array of integers" : "an integer";
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return many ? "an array of numbers" : "a number";
    case FieldDescriptor::CPPTYPE_STRING:
      return many ? "an array of strings" : "a string";
    case FieldDescriptor::CPPTYPE_BOOL:
      return many ? "an array of booleans" : "true or false";
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return many ? "an array of tables" : "a table";
    default:
      FEDQAT_CHECK(!"config.proto uses a type that TOML keys do not have");
  }
  return {};
}

std::string key_default(const FieldDescriptor& key) {
  if (!key.has_default_value()) return {};
  switch (key.cpp_type()) {
    case FieldDescriptor::CPPTYPE_UINT32:
      return std::to_string(key.default_value_uint32());
    case FieldDescriptor::CPPTYPE_UINT64:
      return std::to_string(key.default_value_uint64());
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return toml_double(key.default_value_double());
    case FieldDescriptor::CPPTYPE_BOOL:
      return key.default_value_bool() ? "true" : "false";
    default:
      return toml_string(key.default_value_string());
  }
}

bool in_bounds(const FieldDescriptor& key, double value) {
  const auto& options = key.options();
  return !(options.HasExtension(wire::min) && value < options.GetExtension(wire::min)) &&
         !(options.HasExtension(wire::max) && value > options.GetExtension(wire::max)) &&
         !(options.HasExtension(wire::above) && value <= options.GetExtension(wire::above));
}

std::string key_value(const Message& message, const FieldDescriptor& key, int index) {
  const auto& r = *message.GetReflection();
  const bool many = key.is_repeated();
  switch (key.cpp_type()) {
    case FieldDescriptor::CPPTYPE_UINT32:
      return std::to_string(many ? r.GetRepeatedUInt32(message, &key, index)
                                 : r.GetUInt32(message, &key));
    case FieldDescriptor::CPPTYPE_UINT64:
      return std::to_string(many ? r.GetRepeatedUInt64(message, &key, index)
                                 : r.GetUInt64(message, &key));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return toml_double(many ? r.GetRepeatedDouble(message, &key, index)
                              : r.GetDouble(message, &key));
    case FieldDescriptor::CPPTYPE_BOOL:
      return (many ? r.GetRepeatedBool(message, &key, index) : r.GetBool(message, &key)) ? "true"
                                                                                         : "false";
    default:
      return toml_string(many ? r.GetRepeatedString(message, &key, index)
                              : r.GetString(message, &key));
  }
}

std::string toml_string(std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string quoted = "\"";
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += {'\\', c};
    } else if (u < 0x20 || u == 0x7f) {
      quoted += std::string("\\u00") + kHex[u >> 4] + kHex[u & 15];
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

std::vector<std::string> key_names(const Descriptor& root) {
  std::vector<std::string> names;
  add_names(root, "", names);
  return names;
}

std::string nearest(std::string_view name, const std::vector<std::string>& candidates) {
  std::string best;
  std::size_t least = name.size() / 2 + 1;  // farther than this is no help
  for (const std::string& candidate : candidates) {
    std::size_t distance = edit_distance(name, candidate);
    // The right key under the wrong table, or under none.
    if (last_part(name) == last_part(candidate)) distance = std::min<std::size_t>(distance, 2);
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

}  // namespace fedqat
