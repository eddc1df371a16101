// Content-Type and Content-Disposition: a value and its parameters (RFC 2045 §5.1, RFC 2183), with
// the extended and continued forms of RFC 2231.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "deliver/mime_words.h"

namespace postern::deliver {

/// Parameters read from one field, RFC 2231 segments included; the rest of the field is ignored.
inline constexpr std::size_t max_parameters = 100;
/// Longest file name handed on, in octets.
inline constexpr std::size_t max_filename = 255;

struct Parameter {
  std::string name;   ///< lower case, without RFC 2231 marks
  std::string value;  ///< UTF-8
};

struct ParameterNotes {
  WordNotes words;
  bool too_many = false;    ///< more than max_parameters
  bool gap = false;         ///< RFC 2231 segments that do not follow each other
  bool duplicated = false;  ///< one name twice: other readers may take the other one
};

class ParameterList {
 public:
  /// Reads `value; name=value; ...` from an unfolded field value.
  static ParameterList parse(std::string_view field, Charsets& charsets, ParameterNotes& notes);

  const std::string& value() const { return value_; }  ///< lower case, trimmed
  /// The first of that name, the extended form (name*) before the plain one.
  const std::string* find(std::string_view name) const;

 private:
  std::string value_;
  std::vector<Parameter> parameters_;
};

/// A file name that is safe to show and to use as a suggestion: encoded words decoded, directory
/// parts, control and bidirectional characters removed, at most max_filename octets. Nullopt when
/// nothing is left.
std::optional<std::string> clean_filename(std::string_view name, Charsets& charsets,
                                          WordNotes& notes);

}  // namespace postern::deliver
