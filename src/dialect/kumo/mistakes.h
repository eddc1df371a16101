// Reads typed values from merged data and collects the mistakes, each with file and line. Reading
// continues after a mistake, so that all are reported at once.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

#include "dialect/kumo/data_file.h"

namespace postern::dialect::kumo {

/// A reader of merged data.
class Mistakes {
 public:
  /// `data` must outlive this object.
  explicit Mistakes(const MergedData& data) : data_(data) {}

  /// Adds "queue.toml:3: `tenant.a.require_authz` must be ..."; `what_of_it` is the part after the
  /// key.
  void add(std::string_view pointer, std::string_view what_of_it);
  /// Adds an unknown key and suggests the nearest of `known`.
  void unknown_key(std::string_view pointer, std::string_view key,
                   const std::vector<std::string_view>& known);

  // Readers of the value at a pointer; nullopt or null after a mistake.
  /// A boolean.
  std::optional<bool> flag(std::string_view pointer, const json::value& value);
  /// A string that is not empty.
  std::optional<std::string> text(std::string_view pointer, const json::value& value);
  /// A list of texts that are not empty. A script's empty table arrives as an empty object and
  /// counts as an empty list.
  std::optional<std::vector<std::string>> texts(std::string_view pointer, const json::value& value);
  /// An object.
  const json::object* table(std::string_view pointer, const json::value& value);
  /// Whether a name is not empty; an empty one is a mistake.
  bool not_empty(std::string_view pointer, std::string_view name);

  /// Fault::malformed with one mistake a line, if there are any.
  Result<void> result() const;

 private:
  void wrong_type(std::string_view pointer, std::string_view wanted, const json::value& value);

  const MergedData& data_;
  std::string lines_;
};

/// A JSON pointer as messages show it: keys with dots between them, at most 200 octets.
std::string dotted(std::string_view pointer);

}  // namespace postern::dialect::kumo
