// What is wrong with a configuration of restriction lists, and where.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace postern::dialect::restrictions {

/// A place in the user's text: a parameter, and the octet of its value that is meant. Whoever read
/// the text from a file knows the line and column of the value's start.
struct Place {
  std::string parameter;   ///< "smtpd_recipient_restrictions"; a table's "type:name"
  std::size_t offset = 0;  ///< octets from the start of its value
  bool operator==(const Place&) const = default;
};

struct Diagnostic {
  enum class Severity { error, warning, note };
  Severity severity = Severity::error;
  std::string code;  ///< "R012": what `postern help R012` explains
  Place place;
  std::string message;
  std::string hint;  ///< what to do; may be empty
};

using Diagnostics = std::vector<Diagnostic>;

}  // namespace postern::dialect::restrictions
