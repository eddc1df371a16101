// Inside of import: the keys of a vsmtp.toml, and the file that is being made. In a namespace of
// its own, since rules have drafts and verdicts too.
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

/// What a key takes.
enum class Shape : std::uint8_t {
  text,
  texts,   ///< a list of texts, or one
  number,  ///< an integer
  flag,
  duration,  ///< "5m", "1h 30m"
  any,       ///< it is not looked at
};

/// A key of the file with its value; of `shape`, the one member that it says.
struct Setting {
  std::string name;                ///< "server.tls.certificate"
  std::vector<std::string> parts;  ///< the same in its parts, which may hold dots
  std::uint32_t line = 0;
  std::string text;
  std::vector<std::string> texts;
  std::int64_t number = 0;
  bool flag = false;
  std::chrono::milliseconds duration{0};
};

/// A line of the postern.toml, and where it comes from; 0: from no line.
struct Line {
  std::string key;
  std::string value;  ///< TOML
  std::uint32_t origin = 0;
};

/// A value that listeners or virtual domains are made of later, with its line.
struct Given {
  std::string value;
  std::uint32_t line = 0;
};

struct Interface {
  enum class Kind : std::uint8_t { plain, submission, submissions };
  Kind kind = Kind::plain;
  std::string address;
  std::uint32_t line = 0;
};

struct VirtualDomain {
  std::uint32_t line = 0;
  std::optional<Given> certificate, key, dkim_key;
};

/// What is known of the postern.toml while the keys are read.
struct Draft {
  std::map<std::string, std::vector<Line>, std::less<>> sections;
  std::vector<Interface> interfaces;
  std::map<std::string, VirtualDomain, std::less<>> virtual_domains;
  std::optional<Given> domain, policy, security_level, certificate, key, auth_in_clear;
  /// Time limits of single commands: the longest becomes ours.
  std::chrono::milliseconds longest_command{0};
  std::optional<Given> retries, retry_delay;
  std::chrono::milliseconds retry_period{0};
  bool wants_authentication = false;

  void set(std::string_view section, std::string_view name, std::string value,
           const Setting& from) {
    sections[std::string(section)].push_back({std::string(name), std::move(value), from.line});
  }
};

struct Verdict {
  Fate fate = Fate::carried;
  std::string note;
};

/// A key that vSMTP has. In `path`, `*` is any one part.
struct KnownKey {
  std::string_view path;
  Shape shape;
  /// Fault::malformed with what the value should be.
  Result<Verdict> (*judge)(Draft& draft, const Setting& setting);
};
std::span<const KnownKey> known_keys();

/// "5m", "1h 30m", "200ms", "2 days": what vSMTP reads as a duration.
Result<std::chrono::milliseconds> parse_human_duration(std::string_view text);

/// The postern.toml, and notes about what the file leaves open.
std::string postern_toml(const Draft& draft, std::string_view file_name);
std::vector<std::string> open_questions(const Draft& draft);

}  // namespace postern::dialect::vsl::vsmtp
