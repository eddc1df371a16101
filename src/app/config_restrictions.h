// The section [restrictions]: main.cf parameters under their own names, compiled while the
// configuration is loaded.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "app/config_positions.h"

namespace postern::dialect::restrictions {
struct Loaded;
struct LintReport;
}

namespace postern::app {

struct RestrictionsConfig {
  bool present = false;
  /// As written, seed names and short names under those of main.cf.
  std::map<std::string, std::string, std::less<>> parameters;
  bool shadow = false;        ///< mode = "shadow"
  bool defer_errors = false;  ///< errors = "defer"
  bool require_complete_lists = false;
  bool open_relay_is_known = false;  ///< i_know_this_is_an_open_relay = true
  /// Null when it does not compile.
  std::shared_ptr<const dialect::restrictions::Loaded> loaded;
  /// Of what was loaded, mistakes and all; null without the section.
  std::shared_ptr<const dialect::restrictions::LintReport> lint;
};

/// Takes one key; the sentence that refuses it, empty when it was taken. `is_flag`: TOML true or
/// false.
std::string take_restriction(RestrictionsConfig& config, std::string_view key, std::string value,
                             bool is_flag);
/// The main.cf name of a key that has another one too; the key itself otherwise.
std::string_view parameter_named(std::string_view key);
/// Names that take_restriction() knows, for "did you mean".
std::vector<std::string_view> restriction_keys();
/// Compiles, and notes what is wrong at its place.
void compile_restrictions(RestrictionsConfig& config, const std::string& hostname,
                          const Positions& positions, Diagnostics& diagnostics);
/// What the linter says of the compiled lists; an open relay is an error unless it is known.
void lint_restrictions(RestrictionsConfig& config, const Positions& positions,
                       Diagnostics& diagnostics);

}  // namespace postern::app
