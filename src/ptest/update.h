// `postern test --update`: expected values become those that the decisions gave.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ptest/run.h"

namespace postern::ptest {

/// A file of tests with other expected values.
struct Updated {
  std::string text;  ///< all but the expected values that differ is as it was, octet for octet
  /// Tests whose every expected value would be gone; they are left as they are.
  std::vector<const Test*> untouched;
};

/// Replaces expected values that differ, and removes keys that have no value any more. `outcomes`
/// are of this file. The golden traces are not the text's.
Updated update(const File& file, const std::vector<Outcome>& outcomes);

/// What was changed, as `diff -u` prints it, without context; empty: nothing.
std::string difference_of(const std::string& name, std::string_view before, std::string_view after);

/// The text as a basic string of TOML, with quotation marks.
std::string toml_string(std::string_view text);

}  // namespace postern::ptest
