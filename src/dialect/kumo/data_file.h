// Data files of a policy: TOML, or JSON with comments. The line of each key is kept, so that a
// mistake in merged data is reported as `queue.toml:7: ...`.
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

/// A syntax error in a text.
struct TextError {
  std::uint32_t line = 0;  ///< counted from 1
  std::string message;     ///< one sentence without the line
};

/// Parses JSON in which `//`, `/* */` and `#` comments count as blanks. Trailing commas are errors.
/// If an object has a key twice, the last one counts.
tl::expected<json::value, TextError> parse_json_with_comments(std::string_view text);
/// Parses TOML. Dates and times become text.
tl::expected<json::value, TextError> parse_toml_data(std::string_view text);

/// The most memory, in octets, that such a text takes while it is parsed and passed to a script as
/// tables.
std::size_t memory_of_json(std::string_view text);
/// The same for TOML.
std::size_t memory_of_toml(std::string_view text);

/// The JSON pointer (RFC 6901 §3) of `key` in the object at `pointer`.
std::string below(std::string_view pointer, std::string_view key);

/// A parsed data file, or a table of a script in its place.
struct DataFile {
  std::string name;   ///< for errors; for data of a script its place, "policy.lua:3"
  json::value value;  ///< any JSON type
  /// By JSON pointer, counted from 1; empty for data of a script.
  std::map<std::string, std::uint32_t, std::less<>> lines;
};

/// Parses TOML if the name ends in "toml", else JSON with comments, in which a duplicate key is an
/// error. Fault::malformed with "name:line: message".
Result<DataFile> parse_data(std::string name, std::string_view text);

/// Several data files merged. Objects are merged key by key; of other values the last one counts.
/// Lists are replaced as a whole, so that a later file can remove an entry.
class MergedData {
 public:
  /// Merges a file over the earlier ones. Fault::malformed unless the file holds an object.
  Result<void> add(const DataFile& file);
  const json::object& value() const { return value_; }  ///< the merged data
  /// The place of a key: "queue.toml:7" of the last file that sets it, or of the nearest object
  /// around it; the file name alone if the key has no line.
  std::string place(std::string_view pointer) const;

 private:
  void merge(json::object& into, const json::object& from, const std::string& pointer,
             const DataFile& file);

  json::object value_;
  std::map<std::string, std::string, std::less<>> places_;
};

}  // namespace postern::dialect::kumo
