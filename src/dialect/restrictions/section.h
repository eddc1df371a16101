// The section [restrictions] as users write it, in a file or through the API: parameters of main.cf
// under their names, short names, or the names of the appliance whose manual Postern started from,
// and a few keys of Postern. Judging a section compiles and lints it.
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

/// A section.
struct Section {
  /// As written, by their main.cf names.
  std::map<std::string, std::string, std::less<>> parameters;
  bool shadow = false;                  ///< mode = "shadow"
  bool defer_errors = false;            ///< errors = "defer"
  bool require_complete_lists = false;  ///< incomplete lists are errors
  bool open_relay_is_known = false;     ///< i_know_this_is_an_open_relay = true
  bool operator==(const Section&) const = default;
};

/// Sets one key. Returns the error as a sentence; empty: set. `is_flag`: the value was a boolean,
/// now "yes" or "no".
std::string take(Section& section, std::string_view key, std::string value, bool is_flag);
/// The main.cf name of a key; the key itself if it has only one name.
std::string_view parameter_named(std::string_view key);
/// The short name of a list's parameter ("sender"); "" for other parameters.
std::string_view short_name(std::string_view parameter);
/// Keys of take() that are no main.cf parameters.
std::vector<std::string_view> own_keys();
/// All keys of take(), for "did you mean".
std::vector<std::string_view> section_keys();

/// The section as JSON text; equal sections give equal texts.
std::string to_json(const Section& section);
/// Parses the result of to_json(). Fault::malformed.
Result<Section> section_from_json(std::string_view text);

/// The section over the defaults of Postern, which apply if no compatibility level is set, and
/// those of main.cf.
Parameters parameters_of(const Section& section, const std::string& hostname);

/// Whether an error says that the lists are an open relay, or that Postfix would not start with
/// them.
bool is_about_relay(const Diagnostic& diagnostic);

/// The result of judge().
struct Judged {
  /// Its policy is null if the section does not compile.
  std::shared_ptr<const Loaded> loaded;
  /// Of the policy, or of its draft if it does not compile.
  std::shared_ptr<const LintReport> lint;
  /// From compiler and linter, with the severities that the section's keys set.
  Diagnostics diagnostics;
  /// Parameters that no list uses.
  std::vector<std::string> unknown;
  /// One of the errors is is_about_relay(): anybody could relay through these lists.
  bool opens_relay = false;
  bool ok() const;  ///< no errors: the section can be used
  bool compiles()
      const;  ///< the lists are known as they are meant: what lint proves holds for them
};
/// Compiles and lints. Reads the tables and blocks meanwhile. `locate`: position of the parameters
/// in a file.
Judged judge(const Section& section, const std::string& hostname, const TableSources& sources,
             const Locate& locate = {});

}  // namespace postern::dialect::restrictions
