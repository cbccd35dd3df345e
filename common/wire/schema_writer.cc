#include <sstream>
#include <string>

#include "common/wire/config.h"
#include "common/wire/schema.h"

namespace fedqat {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// Scalars and arrays of scalars come first: after a [table] header TOML has no way back.
void write_keys(const Message& message, bool only_given, std::ostream& out) {
  const auto& reflection = *message.GetReflection();
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor& key = *message.GetDescriptor()->field(i);
    if (is_table(key)) continue;
    if (!key.is_repeated()) {
      if (only_given && !reflection.HasField(message, &key)) continue;
      out << key.name() << " = " << key_value(message, key) << "\n";
      continue;
    }
    const int size = reflection.FieldSize(message, &key);
    if (only_given && size == 0) continue;
    out << key.name() << " = [";
    for (int j = 0; j < size; ++j) out << (j == 0 ? "" : ", ") << key_value(message, key, j);
    out << "]\n";
  }
}

// What an element leaves out may depend on what it has, as a layer's keys do on its operation: only
// what was given is written.
void write_arrays_of_tables(const Message& section, const std::string& name, std::ostream& out) {
  const auto& reflection = *section.GetReflection();
  for (int i = 0; i < section.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor& key = *section.GetDescriptor()->field(i);
    if (!is_table(key)) continue;
    for (int j = 0; j < reflection.FieldSize(section, &key); ++j) {
      out << "\n[[" << name << "." << key.name() << "]]\n";
      write_keys(reflection.GetRepeatedMessage(section, &key, j), true, out);
    }
  }
}

std::string facts(const FieldDescriptor& key) {
  const std::string bounds = key_bounds(key);
  std::string text = key_type(key);
  if (!bounds.empty()) text += (key.is_repeated() ? " of " : ": ") + bounds;
  return text;
}

// `prefix` is "model." inside the table [model], empty at the root.
void write_schema(const Descriptor& table, const std::string& prefix, const std::string& mark,
                  std::ostream& out) {
  for (int i = 0; i < table.field_count(); ++i) {
    const FieldDescriptor& key = *table.field(i);
    if (is_table(key)) continue;
    const std::string value = key_default(key);
    out << "# " << key_doc(key) << " (" << facts(key) << ")\n";
    // A key without a default stands in a comment, so that the file remains a valid config.
    out << (value.empty() ? "# " : mark) << key.name() << " = "
        << (!value.empty()      ? value
            : key.is_repeated() ? "[]"
                                : "...")
        << "\n";
  }
  for (int i = 0; i < table.field_count(); ++i) {
    const FieldDescriptor& key = *table.field(i);
    if (!is_table(key)) continue;
    const std::string name = prefix + key.name();
    out << "\n# " << key_doc(key) << "\n";
    out << (key.is_repeated() ? "# [[" + name + "]]" : "[" + name + "]") << "\n";
    write_schema(*key.message_type(), name + ".", key.is_repeated() ? "# " : "", out);
  }
}

void write_rows(const Descriptor& table, const std::string& name, const std::string& heading,
                const std::string& doc, std::ostream& out) {
  out << "\n## " << heading << "\n\n"
      << doc << "\n\n| key | default | allowed | meaning |\n"
      << "|---|---|---|---|\n";
  for (int i = 0; i < table.field_count(); ++i) {
    const FieldDescriptor& key = *table.field(i);
    if (is_table(key)) continue;
    const std::string value = key_default(key);
    out << "| `" << key.name() << "` | " << (value.empty() ? "" : "`" + value + "`") << " | "
        << facts(key) << " | " << key_doc(key) << " |\n";
  }
  for (int i = 0; i < table.field_count(); ++i) {
    const FieldDescriptor& key = *table.field(i);
    if (!is_table(key)) continue;
    const std::string inner = name + "." + key.name();
    write_rows(*key.message_type(), inner, "`[[" + inner + "]]`", key_doc(key), out);
  }
}

}  // namespace

std::string effective_toml(const wire::Config& config) {
  std::ostringstream out;
  const auto& reflection = *config.GetReflection();
  for (int i = 0; i < config.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor& table = *config.GetDescriptor()->field(i);
    out << (i == 0 ? "[" : "\n[") << table.name() << "]\n";
    const Message& section = reflection.GetMessage(config, &table);
    write_keys(section, false, out);
    write_arrays_of_tables(section, table.name(), out);
  }
  return out.str();
}

std::string schema_toml() {
  std::ostringstream out;
  out << "# Every key of a fedqat config with its default.\n";
  write_schema(*wire::Config::descriptor(), "", "", out);
  return out.str();
}

std::string schema_markdown() {
  std::ostringstream out;
  out << "# Configuration\n\n"
         "One TOML file describes a run; a key that is left out has its default. "
         "`--set client.batch=64` overrides a key for one run.\n"
         "An unknown key, a wrong type and a value out of bounds are refused with file, line and "
         "column.\n\n"
         "This page is made from `common/wire/config.proto`; to make it again: "
         "`FEDQAT_WRITE_DOCS=1 ctest --preset release -R wire/config_test`.\n";
  const Descriptor& root = *wire::Config::descriptor();
  for (int i = 0; i < root.field_count(); ++i) {
    const FieldDescriptor& table = *root.field(i);
    write_rows(*table.message_type(), table.name(), "`[" + table.name() + "]`", key_doc(table),
               out);
  }
  return out.str();
}

}  // namespace fedqat
