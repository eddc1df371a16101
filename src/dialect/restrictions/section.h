// The section [restrictions] as users write it, in a file or over the API: parameters of main.cf
// under their own names, short ones, or those of the appliance whose manual is our seed, and a few
// keys of Postern. Judging it compiles and lints it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "dialect/restrictions/diagnostic.h"
#include "dialect/restrictions/parameters.h"

namespace postern::dialect::restrictions {

struct Loaded;
struct LintReport;
struct TableSources;

struct Section {
  /// As written, each under its name in main.cf.
  std::map<std::string, std::string, std::less<>> parameters;
  bool shadow = false;                  ///< mode = "shadow"
  bool defer_errors = false;            ///< errors = "defer"
  bool require_complete_lists = false;  ///< an incomplete list is an error
  bool open_relay_is_known = false;     ///< i_know_this_is_an_open_relay = true
  bool operator==(const Section&) const = default;
};

/// Takes one key; the sentence that refuses it, empty when it was taken. `is_flag`: the value was
/// true or false, and is "yes" or "no".
std::string take(Section& section, std::string_view key, std::string value, bool is_flag);
/// The main.cf name of a key that has another one too; the key itself otherwise.
std::string_view parameter_named(std::string_view key);
/// The short name of a list's parameter ("sender"); "" for other parameters.
std::string_view short_name(std::string_view parameter);
/// Names that take() knows and that no main.cf has.
std::vector<std::string_view> own_keys();
/// All names that take() knows, for "did you mean".
std::vector<std::string_view> section_keys();

/// One text for one section, and back. Fault::malformed.
std::string to_json(const Section& section);
Result<Section> section_from_json(std::string_view text);

/// The section over the defaults of Postern, which hold where no compatibility level is named, and
/// those of main.cf.
Parameters parameters_of(const Section& section, const std::string& hostname);

/// An error that says: these lists are an open relay, or Postfix would not serve with them.
bool is_about_relay(const Diagnostic& diagnostic);

struct Judged {
  /// Its policy is null when the section does not compile.
  std::shared_ptr<const Loaded> loaded;
  /// Of what was loaded, mistakes and all.
  std::shared_ptr<const LintReport> lint;
  /// Of compiler and linter, as serious as the section's own keys make them.
  Diagnostics diagnostics;
  /// Parameters that no list depends on.
  std::vector<std::string> unknown;
  /// An error among them is about the relay: anybody could send through these lists.
  bool opens_relay = false;
  bool ok() const;  ///< no errors: it can be served with
};
/// Reads the tables it names, and blocks meanwhile.
Judged judge(const Section& section, const std::string& hostname, const TableSources& sources);

}  // namespace postern::dialect::restrictions
