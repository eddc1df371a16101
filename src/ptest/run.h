// Tests of a file, played on the production evaluator.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "config/config.h"
#include "policy/trace.h"
#include "ptest/file.h"

namespace postern::ptest {

/// What a decision gave, by the keys of `expect`; a key is missing if there is no such value.
using Got = std::map<std::string, std::string, std::less<>>;

/// An expected value that is not what the decision gave.
struct Difference {
  std::size_t index = 0;           ///< in Test::expected
  std::optional<std::string> got;  ///< nullopt: there is no such value
};

/// What a test or a file has and no rule wanted: a warning, as it is often misspelt.
struct Unasked {
  std::string what;  ///< "asked for bl.example.com", "asked inet:127.0.0.1:10023 at RCTP"
  Spot spot;         ///< in the file
};

/// The result of one test.
struct Outcome {
  const Test* test = nullptr;             ///< borrowed from the file
  Got got;                                ///< of the whole message
  std::map<std::string, Got> recipients;  ///< of each recipient that `expect` names
  std::vector<Difference> differs;        ///< empty: it passed
  std::string trace;                      ///< the text of `explain`, without times and ids
  std::string deciding;                   ///< what decided, a line for people; may be empty
  std::vector<Unasked> unasked;           ///< of the test's zone
  std::chrono::nanoseconds took{0};       ///< time of the decision
  policy::Trace decided;                  ///< the decision itself

  /// Whether every expected value was met.
  bool passed() const { return differs.empty(); }
};

/// What a message decided, by the keys of `expect`, without `trace`.
Got got_of(const policy::Trace& trace);
/// The same of one recipient of it.
Got got_of(const policy::Trace& trace, std::string_view recipient);

/// Reads a file by its name; Fault::not_found.
using ReadFile = std::function<Result<std::string>(const std::string& name)>;

/// Plays the tests of one file under a configuration.
class Player {
 public:
  /// The file outlives it. `read` gets names relative to the file of tests.
  Player(const File& file, ReadFile read);

  /// Reads messages and golden traces, and compiles the policies; adds errors.
  void prepare(app::Diagnostics& diagnostics);
  /// Plays one test. The configuration's scripts neither write nor ask others.
  Outcome play(const Test& test, const app::Config& config);
  /// The file's webhooks and their policies, after prepare().
  const policy::Directory& directory() const { return directory_; }
  /// Names of the file's zone that no test asked for so far.
  std::vector<std::string> unasked() const;
  /// Answers of other programs that no test was asked for so far: by each program that nobody
  /// asked, and each question but keys of tables.
  std::vector<Unasked> unasked_answers() const;
  /// The text of a golden trace; nullopt: there is no such file.
  std::optional<std::string> golden(const Test& test) const;

 private:
  void compare(const Test& test, Outcome& outcome) const;

  const File& file_;
  const ReadFile read_;
  policy::Directory directory_;
  std::set<std::string> own_domains_;            ///< webhooks.public_domain, in directory_
  std::map<std::string, std::string> messages_;  ///< by name
  std::map<std::string, std::string> golden_;    ///< by name
  std::set<std::string, std::less<>> asked_;     ///< names of the file's zone
  /// What other programs were asked, by service.
  std::map<std::string, std::set<std::string, std::less<>>, std::less<>> consulted_;
};

}  // namespace postern::ptest
