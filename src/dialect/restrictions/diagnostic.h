// Problems of a restriction list configuration, with their position.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace postern::dialect::restrictions {

/// A position in the user's text: a parameter, and an octet of its value. The reader of a file maps
/// it to line and column.
struct Place {
  std::string parameter;   ///< "smtpd_recipient_restrictions"; a table's "type:name"
  std::size_t offset = 0;  ///< octets from the start of its value
  bool operator==(const Place&) const = default;
};

/// Formats a place as "main.cf:12:3"; "" if it is not in a file. An empty function: there is no
/// file.
using Locate = std::function<std::string(const Place&)>;

/// A problem of the configuration.
struct Diagnostic {
  /// An error prevents the use of the configuration.
  enum class Severity { error, warning, note };
  Severity severity = Severity::error;  ///< as the compiler or linter has it
  std::string code;                     ///< "R012", for `postern help R012`
  Place place;                          ///< of the problem
  std::string message;                  ///< one sentence
  std::string hint;                     ///< what to do about it; may be empty
};

/// In the order found.
using Diagnostics = std::vector<Diagnostic>;

}  // namespace postern::dialect::restrictions
