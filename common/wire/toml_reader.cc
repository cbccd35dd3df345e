#include "common/wire/toml_reader.h"

#include <toml++/toml.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <sstream>
#include <vector>

#include "common/wire/options.pb.h"
#include "common/wire/schema.h"

namespace fedqat {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

Error invalid(const std::string& place, const std::string& what) {
  return {Errc::kInvalid, place + ": " + what};
}

std::string article(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a fraction";
    case toml::node_type::boolean:
      return "true or false";
    default:
      return "a date or time";
  }
}

// A parse error of toml++ as its reason and position.
struct Syntax {
  std::string reason;
  toml::source_region where;
};

std::optional<toml::table> parse(std::string_view text, Syntax& error) {
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& e) {
    error = {std::string(e.description()), e.source()};
  } catch (const std::exception& e) {
    error = {e.what(), {}};
  }
  return std::nullopt;
}

class Reader {
 public:
  // Places are file:line:col, or `fixed` where that is given.
  Reader(Places& places, std::string_view file, std::string fixed)
      : places_(places), file_(file), fixed_(std::move(fixed)) {}

  std::string place(const toml::source_region& where) const {
    if (!fixed_.empty()) return fixed_;
    return file_ + ":" + std::to_string(where.begin.line) + ":" +
           std::to_string(where.begin.column);
  }

  Result<void> unknown(const std::string& place, const std::string& name) const {
    const std::string plain = without_indices(name);
    const std::string guess = nearest(plain, key_names(*wire::Config::descriptor()));
    return invalid(place,
                   "unknown key '" + name + "'; " +
                       (guess.empty() ? "remove it, or see docs/configuration.md for all keys"
                                      : "did you mean '" + guess + "'?"));
  }

  Error out_of_bounds(const FieldDescriptor& key, const std::string& place,
                      const std::string& value, const std::string& name) const {
    std::string bounds = key_bounds(key);
    if (bounds.empty()) {
      bounds = key.cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE   ? "a finite number"
               : key.cpp_type() == FieldDescriptor::CPPTYPE_UINT32 ? "0 to 4294967295"
                                                                   : "0 or more";
    }
    return invalid(place, "'" + name + "' = " + value + " is out of bounds; use " + bounds);
  }

  Result<void> fill(Message& message, const toml::table& table, const std::string& prefix) {
    // toml++ sorts keys by name; the first error in the file is the one to show.
    std::vector<std::pair<const toml::key*, const toml::node*>> entries;
    for (auto&& [key, node] : table) entries.emplace_back(&key, &node);
    std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
      return a.first->source().begin < b.first->source().begin;
    });
    for (const auto& [key, node] : entries) {
      const std::string name = prefix + std::string(key->str());
      const FieldDescriptor* field =
          message.GetDescriptor()->FindFieldByName(std::string(key->str()));
      if (field == nullptr) return unknown(place(key->source()), name);
      if (auto r = assign(message, *field, *node, name); !r) return r;
    }
    return {};
  }

  Result<void> assign(Message& message, const FieldDescriptor& key, const toml::node& node,
                      const std::string& name) {
    places_[name] = place(node.source());
    if (!key.is_repeated()) {
      if (!is_table(key)) return assign_scalar(message, key, node, name);
      if (!node.is_table()) return wrong_type(key, node, name);
      return fill(*message.GetReflection()->MutableMessage(&message, &key), *node.as_table(),
                  name + ".");
    }
    const toml::array* array = node.as_array();
    if (array == nullptr) return wrong_type(key, node, name);
    message.GetReflection()->ClearField(&message, &key);
    for (std::size_t i = 0; i < array->size(); ++i) {
      const toml::node& element = *array->get(i);
      const std::string item = name + "[" + std::to_string(i) + "]";
      places_[item] = place(element.source());
      if (is_table(key)) {
        if (!element.is_table()) return wrong_type(key, element, item);
        Message& added = *message.GetReflection()->AddMessage(&message, &key);
        if (auto r = fill(added, *element.as_table(), item + "."); !r) return r;
      } else if (auto r = assign_scalar(message, key, element, item); !r) {
        return r;
      }
    }
    return {};
  }

 private:
  static std::string without_indices(std::string_view name) {
    std::string plain;
    bool inside = false;
    for (const char c : name) {
      inside = c == '[' || (inside && c != ']');
      if (!inside && c != ']') plain += c;
    }
    return plain;
  }

  Result<void> wrong_type(const FieldDescriptor& key, const toml::node& node,
                          const std::string& name) const {
    const std::string example = key_default(key);
    return invalid(
        place(node.source()),
        "'" + name + "' is " + article(node) + "; write " + key_type(key) +
            (example.empty() ? "" : ", e.g. " + std::string(key.name()) + " = " + example));
  }

  Result<void> out_of_bounds(const FieldDescriptor& key, const toml::node& node,
                             const std::string& name) const {
    std::ostringstream value;
    if (const auto* integer = node.as_integer()) {
      value << integer->get();
    } else if (const auto* real = node.as_floating_point()) {
      value << real->get();
    }
    return out_of_bounds(key, place(node.source()), value.str(), name);
  }

  Result<void> assign_scalar(Message& message, const FieldDescriptor& key, const toml::node& node,
                             const std::string& name) {
    switch (key.cpp_type()) {
      case FieldDescriptor::CPPTYPE_UINT32:
      case FieldDescriptor::CPPTYPE_UINT64:
        return assign_integer(message, key, node, name);
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return assign_double(message, key, node, name);
      case FieldDescriptor::CPPTYPE_BOOL:
        return assign_bool(message, key, node, name);
      default:
        return assign_string(message, key, node, name);
    }
  }

  Result<void> assign_integer(Message& message, const FieldDescriptor& key, const toml::node& node,
                              const std::string& name) {
    const auto* integer = node.as_integer();
    if (integer == nullptr) return wrong_type(key, node, name);
    const std::int64_t value = integer->get();
    const bool small = key.cpp_type() == FieldDescriptor::CPPTYPE_UINT32;
    if (value < 0 || (small && value > std::numeric_limits<std::uint32_t>::max()) ||
        !in_bounds(key, static_cast<double>(value))) {
      return out_of_bounds(key, node, name);
    }
    const auto& r = *message.GetReflection();
    if (small) {
      const auto u = static_cast<std::uint32_t>(value);
      key.is_repeated() ? r.AddUInt32(&message, &key, u) : r.SetUInt32(&message, &key, u);
    } else {
      const auto u = static_cast<std::uint64_t>(value);
      key.is_repeated() ? r.AddUInt64(&message, &key, u) : r.SetUInt64(&message, &key, u);
    }
    return {};
  }

  Result<void> assign_double(Message& message, const FieldDescriptor& key, const toml::node& node,
                             const std::string& name) {
    if (!node.is_number()) return wrong_type(key, node, name);
    const double value = *node.value<double>();
    if (!std::isfinite(value) || !in_bounds(key, value)) return out_of_bounds(key, node, name);
    const auto& r = *message.GetReflection();
    key.is_repeated() ? r.AddDouble(&message, &key, value) : r.SetDouble(&message, &key, value);
    return {};
  }

  Result<void> assign_bool(Message& message, const FieldDescriptor& key, const toml::node& node,
                           const std::string& name) {
    const auto* value = node.as_boolean();
    if (value == nullptr) return wrong_type(key, node, name);
    const auto& r = *message.GetReflection();
    key.is_repeated() ? r.AddBool(&message, &key, value->get())
                      : r.SetBool(&message, &key, value->get());
    return {};
  }

  Result<void> assign_string(Message& message, const FieldDescriptor& key, const toml::node& node,
                             const std::string& name) {
    const auto* string = node.as_string();
    if (string == nullptr) return wrong_type(key, node, name);
    const std::string& value = string->get();
    const auto& choices = key.options().GetRepeatedExtension(wire::choices);
    if (!choices.empty() && std::find(choices.begin(), choices.end(), value) == choices.end()) {
      const std::string guess = nearest(value, {choices.begin(), choices.end()});
      return invalid(place(node.source()),
                     "'" + name + "' = " + toml_string(value) + " is not one of its choices; use " +
                         (guess.empty() ? "" : toml_string(guess) + ", or one of ") +
                         key_bounds(key));
    }
    const auto& r = *message.GetReflection();
    key.is_repeated() ? r.AddString(&message, &key, value) : r.SetString(&message, &key, value);
    return {};
  }

  Places& places_;
  std::string file_;
  std::string fixed_;
};

std::string_view trim(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

bool is_number(const FieldDescriptor& key) {
  switch (key.cpp_type()) {
    case FieldDescriptor::CPPTYPE_UINT32:
    case FieldDescriptor::CPPTYPE_UINT64:
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return !key.is_repeated();
    default:
      return false;
  }
}

// A number that no TOML value can hold: 1e400, or an integer of 2^63 and more.
bool is_too_great(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const char* const end = text.data() + text.size();
  std::int64_t whole = 0;
  const auto integer = std::from_chars(text.data(), end, whole);
  if (integer.ptr == end) return integer.ec == std::errc::result_out_of_range;
  double real = 0;
  const auto fraction = std::from_chars(text.data(), end, real);
  return fraction.ptr == end && fraction.ec == std::errc::result_out_of_range;
}

bool is_numeric(std::string_view text) {
  double ignored = 0;
  return std::from_chars(text.data(), text.data() + text.size(), ignored).ptr ==
         text.data() + text.size();
}

// The value of an assignment: TOML, or a bare word that stands for a string.
Result<toml::table> parse_value(const std::string& place, std::string_view text, bool as_string) {
  Syntax error;
  auto table = parse("value = " + std::string(text), error);
  const bool one = table && table->size() == 1;
  if (one && (!as_string || table->get("value")->is_string())) return *std::move(table);
  if (!one && !text.empty() && std::string_view("\"'[{").find(text.front()) != text.npos) {
    return invalid(place, "the value is not TOML (" +
                              (error.reason.empty() ? "more than one value" : error.reason) +
                              "); check its quotes and brackets");
  }
  if (!one && !as_string && !text.empty() && is_numeric(text)) {  // 007, .5
    return invalid(place, error.reason + "; write the number as TOML does: 7, 0.5, 1e-3");
  }
  table = parse("value = " + toml_string(text), error);
  if (!table) return invalid(place, error.reason + "; write plain UTF-8 text");
  return *std::move(table);
}

}  // namespace

Result<void> read_toml(std::string_view toml, std::string_view file, wire::Config& config,
                       Places& places) {
  Reader reader(places, file, "");
  Syntax error;
  const auto table = parse(toml, error);
  if (!table) {
    return invalid(reader.place(error.where), error.reason + "; correct the TOML syntax here");
  }
  return reader.fill(config, *table, "");
}

Result<void> read_override(std::string_view assignment, wire::Config& config, Places& places) {
  const std::string place = "--set " + std::string(assignment);
  const std::size_t equals = assignment.find('=');
  if (equals == assignment.npos) {
    return invalid(place, "no '=' in it; write --set key=value, e.g. --set client.batch=64");
  }
  Reader reader(places, "", place);
  const std::string name(trim(assignment.substr(0, equals)));
  Message* message = &config;
  std::size_t begin = 0;
  while (true) {
    const std::size_t dot = std::min(name.find('.', begin), name.size());
    const FieldDescriptor* key =
        message->GetDescriptor()->FindFieldByName(name.substr(begin, dot - begin));
    if (key == nullptr) return reader.unknown(place, name);
    if (dot == name.size()) {
      const bool as_string =
          key->cpp_type() == FieldDescriptor::CPPTYPE_STRING && !key->is_repeated();
      const std::string_view text = trim(assignment.substr(equals + 1));
      if (is_number(*key) && is_too_great(text)) {
        return reader.out_of_bounds(*key, place, std::string(text), name);
      }
      const auto value = parse_value(place, text, as_string);
      if (!value) return value.error();
      return reader.assign(*message, *key, *value->get("value"), name);
    }
    if (!is_table(*key)) return reader.unknown(place, name);
    if (key->is_repeated()) {
      return invalid(place, "'" + name.substr(0, dot) +
                                "' is an array of tables; set it as a whole, e.g. " +
                                name.substr(0, dot) + "=[{op=\"flatten\"}]");
    }
    message = message->GetReflection()->MutableMessage(message, key);
    begin = dot + 1;
  }
}

}  // namespace fedqat
