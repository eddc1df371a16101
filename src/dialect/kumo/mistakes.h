// Reads typed values out of merged data and notes what is wrong with them, each mistake with its
// file and line. Reading goes on, so that all of them are reported at once.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

#include "dialect/kumo/data_file.h"

namespace postern::dialect::kumo {

class Mistakes {
 public:
  /// `data` outlives it.
  explicit Mistakes(const MergedData& data) : data_(data) {}

  /// "queue.toml:3: `tenant.a.require_authz` must be ...": what follows the key's name.
  void add(std::string_view pointer, std::string_view what_of_it);
  /// Names the nearest of `known`.
  void unknown_key(std::string_view pointer, std::string_view key,
                   const std::vector<std::string_view>& known);

  // What the key holds; nullopt or null after a mistake was noted.
  std::optional<bool> flag(std::string_view pointer, const json::value& value);
  std::optional<std::string> text(std::string_view pointer, const json::value& value);  ///< not ""
  /// A script's empty table, which arrives as an empty object, is an empty list too.
  std::optional<std::vector<std::string>> texts(std::string_view pointer, const json::value& value);
  const json::object* table(std::string_view pointer, const json::value& value);
  /// A key of a table of names, that is not empty.
  bool not_empty(std::string_view pointer, std::string_view name);

  /// Fault::malformed with one mistake a line.
  Result<void> result() const;

 private:
  void wrong_type(std::string_view pointer, std::string_view wanted, const json::value& value);

  const MergedData& data_;
  std::string lines_;
};

/// The keys of a pointer with dots between, for people.
std::string dotted(std::string_view pointer);

}  // namespace postern::dialect::kumo
