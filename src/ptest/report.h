// What `postern test` prints: for people, TAP 14, JUnit XML, JSON.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

#include "config/diagnostic.h"
#include "ptest/run.h"

namespace postern::ptest {

/// The results of one file.
struct FileResult {
  std::string name;                           ///< as the user named it
  File file;                                  ///< without tests if it cannot be used
  app::Diagnostics diagnostics;               ///< errors: the file cannot be used; warnings
  std::vector<Outcome> outcomes;              ///< of the tests that ran, in order
  bool missing = false;                       ///< there is no such file
  bool config_is_wrong = false;               ///< the errors are those of the configuration
  std::vector<std::string> unasked;           ///< names of `[dns]` that no test asked for
  std::vector<Unasked> unasked_answers = {};  ///< Player::unasked_answers()

  /// Whether its tests ran.
  bool usable() const { return diagnostics.errors() == 0; }
};

/// The results of all files.
struct Results {
  std::vector<FileResult> files;  ///< in the order of the command line
  boost::json::object coverage;   ///< empty: none was asked for
  std::string coverage_text;      ///< the same for people

  /// Number of tests that passed.
  std::size_t passed() const;
  /// Number of tests that failed.
  std::size_t failed() const;
  /// Number of files whose tests did not run.
  std::size_t unusable() const;
};

/// Forms of a report. `failures` is `human` without what passed.
enum class Format { human, failures, tap, junit, json };
/// A form that users name; nullopt: none has this name.
std::optional<Format> format_named(std::string_view name);

/// `color`: with escape sequences, for people.
std::string report_text(const Results& results, Format format, bool color);

}  // namespace postern::ptest
