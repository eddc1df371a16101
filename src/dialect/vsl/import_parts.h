// Private parts of the import: the keys of a vsmtp.toml, and the postern.toml under construction.
// They have their own namespace, because rules use the names Draft and Verdict too.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "dialect/import_report.h"

namespace postern::dialect::vsl::vsmtp {

/// The type of a key's value.
enum class Shape : std::uint8_t {
  text,
  texts,   ///< a list of strings, or one string
  number,  ///< an integer
  flag,
  duration,  ///< "5m", "1h 30m"
  any,       ///< not checked
};

/// A key of the file with its value. Only the member that belongs to the key's Shape is set.
struct Setting {
  std::string name;                       ///< "server.tls.certificate"
  std::vector<std::string> parts;         ///< the parts of the name; a part may contain dots
  std::uint32_t line = 0;                 ///< counted from 1
  std::string text;                       ///< of Shape::text
  std::vector<std::string> texts;         ///< of Shape::texts
  std::int64_t number = 0;                ///< of Shape::number
  bool flag = false;                      ///< of Shape::flag
  std::chrono::milliseconds duration{0};  ///< of Shape::duration
};

/// A line of the postern.toml.
struct Line {
  std::string key;           ///< without its section
  std::string value;         ///< TOML
  std::uint32_t origin = 0;  ///< the line of the vsmtp.toml that it comes from; 0: none
};

/// A value that listeners or virtual domains need later, with its line.
struct Given {
  std::string value;       ///< as in the file
  std::uint32_t line = 0;  ///< counted from 1
};

/// An address to listen on.
struct Interface {
  /// vSMTP's kinds: port 25, submission (RFC 6409 §3.1), and submission with implicit TLS (RFC 8314
  /// §3.3).
  enum class Kind : std::uint8_t { plain, submission, submissions };
  Kind kind = Kind::plain;  ///< see Kind
  std::string address;      ///< "127.0.0.1:25"
  std::uint32_t line = 0;   ///< counted from 1; 0: vSMTP's default
};

/// A virtual domain of vSMTP.
struct VirtualDomain {
  std::uint32_t line = 0;                           ///< counted from 1
  std::optional<Given> certificate, key, dkim_key;  ///< paths
};

/// The postern.toml while the keys are read.
struct Draft {
  std::map<std::string, std::vector<Line>, std::less<>> sections;     ///< lines by section
  std::vector<Interface> interfaces;                                  ///< empty: vSMTP's defaults
  std::map<std::string, VirtualDomain, std::less<>> virtual_domains;  ///< by domain
  /// Of the server.
  std::optional<Given> domain, policy, security_level, certificate, key, auth_in_clear;
  /// The longest time limit of a single command; it becomes Postern's only one.
  std::chrono::milliseconds longest_command{0};
  std::optional<Given> retries, retry_delay;  ///< of the queue
  std::chrono::milliseconds retry_period{0};  ///< of the queue
  bool wants_authentication = false;          ///< vSMTP offers AUTH

  /// Adds a line that comes from a key.
  void set(std::string_view section, std::string_view name, std::string value,
           const Setting& from) {
    sections[std::string(section)].push_back({std::string(name), std::move(value), from.line});
  }
};

/// What became of a key.
struct Verdict {
  Fate fate = Fate::carried;  ///< for the report
  std::string note;           ///< for the report; may be empty
};

/// A key of vSMTP.
struct KnownKey {
  std::string_view path;  ///< with dots; `*` is any one part
  Shape shape;            ///< of its value
  /// Converts the value. Fault::malformed with a description of what it should be.
  Result<Verdict> (*judge)(Draft& draft, const Setting& setting);
};
/// Every key of vSMTP.
std::span<const KnownKey> known_keys();

/// Parses a duration as vSMTP does: "5m", "1h 30m", "200ms", "2 days". Fault::malformed.
Result<std::chrono::milliseconds> parse_human_duration(std::string_view text);

/// The text of the postern.toml.
std::string postern_toml(const Draft& draft, std::string_view file_name);
/// Notes about settings that the file leaves open.
std::vector<std::string> open_questions(const Draft& draft);

}  // namespace postern::dialect::vsl::vsmtp
