// The parameters of a Postfix configuration as text: values by name, `$name` expanded, defaults by
// compatibility level. Does not know what a parameter means.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "dialect/restrictions/diagnostic.h"

namespace postern::dialect::restrictions {

/// A word of a list and its position. `{ a b }` is one word, without its braces.
struct Word {
  std::string text;        ///< without braces
  std::size_t offset = 0;  ///< octets from the start of the value
  bool grouped = false;    ///< it was in braces
};

/// The words of a value: separated by commas and white space, grouped by nested braces.
/// Fault::malformed for an unclosed brace.
Result<std::vector<Word>> split_words(std::string_view value);

/// A logical line of a main.cf.
struct Setting {
  std::string name;                ///< of the parameter
  std::string value;               ///< continuation lines joined by a blank, trimmed
  std::size_t line = 0;            ///< of the name, from 1
  std::vector<std::string> lines;  ///< the lines of the value without comments; never empty
};

/// The logical lines of a main.cf: comments and empty lines left out, lines that begin with a blank
/// continue the one before. A later setting of a name counts; all are returned, in order. A line
/// without "=" is a diagnostic (error) whose place is {"", octet offset in the text}.
std::vector<Setting> parse_main_cf(std::string_view text, Diagnostics& diagnostics);

/// The defaults of Postfix 3.7 for parameters that restriction lists depend on, unexpanded, at a
/// compatibility level ("0", "1", "2", "3.6" ...). nullopt: none known. For mynetworks, whose
/// default is the machine's networks in Postfix, it is loopback only.
std::optional<std::string_view> default_value(std::string_view name, std::string_view level);

/// The parameters that determine replies to an SMTP client, sorted. `[restrictions]` may set these,
/// restriction classes, and parameters that only these refer to.
std::span<const std::string_view> restriction_parameters();
/// Whether the name is one of them.
bool is_restriction_parameter(std::string_view name);

/// Compares "3.10" with "3.6" number by number; a non-number counts as 0. Negative, 0 or positive.
int compare_levels(std::string_view a, std::string_view b);

/// A value of time with its unit (s, m, h, d, w), as "3h"; a bare number counts `unit`s. Nullopt:
/// malformed, or more than 100 years.
std::optional<std::chrono::seconds> parse_time(std::string_view text, std::chrono::seconds unit);

/// Settings over defaults. Immutable.
class Parameters {
 public:
  /// `hostname`: the default of myhostname.
  explicit Parameters(std::map<std::string, std::string, std::less<>> settings,
                      std::string hostname = "localhost");

  /// Whether there is a setting, not only a default.
  bool is_set(std::string_view name) const { return settings_.contains(name); }
  /// Unexpanded: the setting, else the default, else "".
  std::string raw(std::string_view name) const;
  /// Expands $name, ${name}, $(name), ${name?text}, ${name:text}, ${name?{a}:{b}} and ${{a} == {b}
  /// ? {yes} : {no}} (also != < <= >= > and <level ... >level), recursively. "$$" is "$". Unknown
  /// names are empty. Fault::malformed for a syntax error and for an endless expansion.
  Result<std::string> value(std::string_view name) const;
  /// value(), or "" on an error; for parameters that load() has checked.
  std::string text(std::string_view name) const;
  /// yes or no, case-insensitive. Fault::malformed.
  Result<bool> flag(std::string_view name) const;
  /// A number within [least, most]. Fault::malformed.
  Result<unsigned> number(std::string_view name, unsigned least, unsigned most) const;
  /// The words of value().
  Result<std::vector<Word>> words(std::string_view name) const;
  /// compatibility_level: "3.6", "2", "0"; as in Postfix "0" if it is not set.
  const std::string& level() const { return level_; }
  /// The settings without defaults, unexpanded.
  const std::map<std::string, std::string, std::less<>>& settings() const { return settings_; }

 private:
  std::map<std::string, std::string, std::less<>> settings_;
  std::string level_;
  std::string hostname_;
};

}  // namespace postern::dialect::restrictions
