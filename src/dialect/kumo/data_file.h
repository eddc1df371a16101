// Data beside a policy: TOML, or JSON with comments, as values with the line of each key, so that a
// mistake found in the merged data is still reported as `queue.toml:7: ...`.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include <boost/json/value.hpp>
#include <tl/expected.hpp>

#include "base/error.h"

namespace postern::dialect::kumo {

namespace json = boost::json;

/// What is wrong with a text, and in which line, counted from 1.
struct TextError {
  std::uint32_t line = 0;
  std::string message;
};

/// JSON whose `//`, `/* */` and `#` comments count as blanks. No trailing commas. Of a key that is
/// there twice the last counts.
tl::expected<json::value, TextError> parse_json_with_comments(std::string_view text);
/// Dates and times become text.
tl::expected<json::value, TextError> parse_toml_data(std::string_view text);

/// Octets that such a text takes at most while it is read and handed to a script as tables.
std::size_t memory_of_json(std::string_view text);
std::size_t memory_of_toml(std::string_view text);

/// The place of a key in a tree of values: RFC 6901 JSON pointers.
std::string below(std::string_view pointer, std::string_view key);

struct DataFile {
  std::string name;  ///< what errors call it; of data in a script the script's "policy.lua:3"
  json::value value;
  std::map<std::string, std::uint32_t, std::less<>> lines;  ///< by pointer; none for script data
};

/// TOML where the name ends in "toml", else JSON with comments, in which a key that is there twice
/// is an error. Fault::malformed with "name:line: message".
Result<DataFile> parse_data(std::string name, std::string_view text);

/// Several files laid over each other: of what is there twice the later counts, but for objects,
/// which are merged. Lists are replaced as a whole, so that a later file can take an entry away.
class MergedData {
 public:
  /// Fault::malformed unless the file holds an object.
  Result<void> add(const DataFile& file);
  const json::object& value() const { return value_; }
  /// "queue.toml:7" of the last file that sets the key, or of the nearest object around it; a file
  /// name alone for what stands in no line.
  std::string place(std::string_view pointer) const;

 private:
  void merge(json::object& into, const json::object& from, const std::string& pointer,
             const DataFile& file);

  json::object value_;
  std::map<std::string, std::string, std::less<>> places_;
};

}  // namespace postern::dialect::kumo
