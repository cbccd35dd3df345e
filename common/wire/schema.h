// The annotations of config.proto (options.proto) as text, and names of keys.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <string>
#include <string_view>
#include <vector>

namespace fedqat {

std::string key_doc(const google::protobuf::FieldDescriptor& key);
// "1 to 4096", "more than 0, at most 100", "\"iid\", \"dirichlet\""; empty if anything goes.
std::string key_bounds(const google::protobuf::FieldDescriptor& key);
// "an integer", "a number", "a string", "true or false", "a table", "an array of strings".
std::string key_type(const google::protobuf::FieldDescriptor& key);
// The default as TOML; empty for keys without one.
std::string key_default(const google::protobuf::FieldDescriptor& key);
bool in_bounds(const google::protobuf::FieldDescriptor& key, double value);

// The value of a key in `message` as TOML; element `index` of a repeated key.
std::string key_value(const google::protobuf::Message& message,
                      const google::protobuf::FieldDescriptor& key, int index = -1);
std::string toml_string(std::string_view text);

bool is_table(const google::protobuf::FieldDescriptor& key);
// Dotted names of all tables and keys below `root`.
std::vector<std::string> key_names(const google::protobuf::Descriptor& root);
// The candidate a user most likely meant by `name`, or empty.
std::string nearest(std::string_view name, const std::vector<std::string>& candidates);

}  // namespace fedqat
