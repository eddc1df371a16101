// The parameters of a Postfix configuration, as text: names to values, `$name` expanded, defaults
// by compatibility level. Nothing here knows what a parameter means.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "dialect/restrictions/diagnostic.h"

namespace postern::dialect::restrictions {

/// One word of a list with where it stands. `{ a b }` is one word; its braces are taken off.
struct Word {
  std::string text;
  std::size_t offset = 0;  ///< in the value it came from
  bool grouped = false;    ///< it stood in braces
};

/// The words of a value: separated by commas and white space, braces group (they nest).
/// Fault::malformed for a brace that is not closed.
Result<std::vector<Word>> split_words(std::string_view value);

/// One logical line of a main.cf.
struct Setting {
  std::string name;
  std::string value;               ///< continuation lines joined by a blank, outer blanks gone
  std::size_t line = 0;            ///< of the name, from 1
  std::vector<std::string> lines;  ///< the value as it was laid out, without comments; never empty
};

/// The logical lines of a main.cf: comments and empty lines left out, lines that begin with a blank
/// continue the one before. A later setting of a name counts; all are returned, in order. A line
/// without "=" is a diagnostic (error) whose place is {"", octet offset in the text}.
std::vector<Setting> parse_main_cf(std::string_view text, Diagnostics& diagnostics);

/// The built-in defaults of Postfix 3.7 that restriction lists depend on, before expansion, for a
/// compatibility level ("0", "1", "2", "3.6" ...). Null when the parameter has none we know.
/// mynetworks, whose default Postfix takes from the interfaces of the machine, is loopback alone.
std::optional<std::string_view> default_value(std::string_view name, std::string_view level);

/// The parameters that decide what an SMTP client is answered, sorted: what `[restrictions]` may
/// set besides restriction classes and parameters that only these refer to.
std::span<const std::string_view> restriction_parameters();
bool is_restriction_parameter(std::string_view name);

/// Compares "3.10" with "3.6" number by number; what is no number counts as 0.
int compare_levels(std::string_view a, std::string_view b);

/// Settings over defaults. Immutable once filled.
class Parameters {
 public:
  /// `hostname` is the default of myhostname.
  explicit Parameters(std::map<std::string, std::string, std::less<>> settings,
                      std::string hostname = "localhost");

  bool is_set(std::string_view name) const { return settings_.contains(name); }
  /// As written; the default when it is not set; "" when it has none.
  std::string raw(std::string_view name) const;
  /// With every $name, ${name}, $(name), ${name?text}, ${name:text} and ${name?{a}:{b}} expanded,
  /// and ${{a} == {b} ? {yes} : {no}} (also != < <= >= > and <level ... >level) expanded,
  /// recursively.
  /// "$$" is "$". Unknown names expand to nothing. Fault::malformed for a mistake in the syntax and
  /// for an expansion that never ends.
  Result<std::string> value(std::string_view name) const;
  /// value(), "" on an error: for parameters that load() has looked at already.
  std::string text(std::string_view name) const;
  /// yes or no, in any case of letters.
  Result<bool> flag(std::string_view name) const;
  /// A reply code of 4NN or 5NN, or whatever number stands there within [least, most].
  Result<unsigned> number(std::string_view name, unsigned least, unsigned most) const;
  /// The words of value().
  Result<std::vector<Word>> words(std::string_view name) const;
  /// "3.6", "2", "0": compatibility_level, "0" when it is not set (as Postfix has it).
  const std::string& level() const { return level_; }
  /// Whether level() is at least that, compared number by number.
  bool level_at_least(std::string_view other) const;
  const std::map<std::string, std::string, std::less<>>& settings() const { return settings_; }

 private:
  std::map<std::string, std::string, std::less<>> settings_;
  std::string level_;
  std::string hostname_;
};

}  // namespace postern::dialect::restrictions
