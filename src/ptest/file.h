// A file of policy tests: TOML 1.0, docs/policy-tests.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

#include "config/diagnostic.h"
#include "explain/evidence_words.h"
#include "explain/play.h"

namespace postern::ptest {

/// A value in the file. Lines and columns count from 1, a column is a code point.
struct Spot {
  std::uint32_t line = 0;        ///< of its first character
  std::uint32_t column = 0;      ///< of its first character
  std::uint32_t end_column = 0;  ///< after the last character of the line
  std::size_t begin = 0;         ///< its first octet in the file
  std::size_t end = 0;           ///< the octet after the last one
};

/// One expected value.
struct Expectation {
  std::string recipient;   ///< of expect.rcpt.ADDRESS; empty: of the whole message
  std::string key;         ///< "code"
  std::string value;       ///< a number in decimal digits
  Spot spot;               ///< of the value
  bool number = false;     ///< written as a number
  bool is_inline = false;  ///< written inside `{ }`

  /// "code", `rcpt."b@example.com".code`.
  std::string path() const;
};

/// A value that names a file, relative to the file of the tests.
struct NamedFile {
  std::string name;  ///< as it is written
  Spot spot;         ///< of the value
};

/// One `[[test]]`.
struct Test {
  std::string name;                      ///< unique in the file
  Spot spot;                             ///< of its header
  app::Dialogue dialogue;                ///< without the text of `message`
  std::optional<NamedFile> message;      ///< a file with the message
  std::optional<NamedFile> golden;       ///< expect.trace
  boost::json::object zone;              ///< of the test and of the file
  std::map<std::string, Spot> names;     ///< what the test itself has of it
  app::RecordedAnswers answers;          ///< of other programs
  std::map<std::string, Spot> services;  ///< who they are of
  /// What is asked of those that are no tables: `{"inet:127.0.0.1:10023", "RCPT"}`.
  std::map<std::pair<std::string, std::string>, Spot> questions;
  Spot listener;                               ///< of the name of `dialogue.listener`
  std::optional<app::EvidenceWords> evidence;  ///< nullopt: it is computed
  std::vector<Expectation> expected;           ///< in the order of the file
};

/// The tests of one file.
struct File {
  std::string name;                  ///< as the user named it
  std::string text;                  ///< as it was read
  std::optional<NamedFile> config;   ///< the configuration
  std::map<std::string, Spot> zone;  ///< names of `[dns]`
  boost::json::object policies;  ///< webhook policies by name, as POST /smtp-policies takes them
  boost::json::object webhooks;  ///< by address: {"policy", "is_active"}
  std::map<std::string, Spot> policy_spots;   ///< of the names of `policies`
  std::map<std::string, Spot> webhook_spots;  ///< of the addresses of `webhooks`
  std::vector<Test> tests;                    ///< in order
};

/// A file and what is wrong with it. The tests are complete if there is no error.
struct Parsed {
  File file;                     ///< as far as it could be read
  app::Diagnostics diagnostics;  ///< errors, in the order of the file

  /// Whether there are no errors.
  bool ok() const { return diagnostics.errors() == 0; }
};

/// Reads a file's text. `name`: the file in diagnostics. Opens nothing.
Parsed parse_file(std::string text, std::string name);

/// A name in a file of tests, as seen from this process.
std::string beside(const std::string& file, const std::string& name);

/// An error at a place of the file.
app::Diagnostic error_at(const File& file, const Spot& spot, std::string code, std::string message);

}  // namespace postern::ptest
