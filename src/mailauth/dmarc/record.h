// DMARC records (RFC 7489 §6.3, RFC 9989 §4.7): text to values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mailauth::dmarc {

enum class Policy : std::uint8_t { none, quarantine, reject };
std::string_view to_string(Policy policy);

/// r or s.
enum class Alignment : std::uint8_t { relaxed, strict };

/// psd= (RFC 9989 §4.7).
enum class SuffixFlag : std::uint8_t { unknown, yes, no };

/// p, sp or np: absent, a policy, or a value nobody knows.
struct PolicyTag {
  bool present = false;
  std::optional<Policy> policy;
};

/// Tags with values that make no sense have their defaults: the rest of the record counts
/// (RFC 7489 §6.3). Tag names and key words are compared without case, as the grammar's literals
/// are; of a tag that stands twice the first counts.
struct Record {
  PolicyTag p;
  PolicyTag sp;
  PolicyTag np;
  Alignment adkim = Alignment::relaxed;
  Alignment aspf = Alignment::relaxed;
  SuffixFlag psd = SuffixFlag::unknown;
  bool testing = false;  ///< t=y
  unsigned pct = 100;
  unsigned ri = 86400;           ///< seconds between aggregate reports
  std::string fo = "0";          ///< failure reporting options, as written
  std::vector<std::string> rua;  ///< URIs, at most max_uris, each with the form of a URI
  std::vector<std::string> ruf;

  /// Nullopt when the text does not begin with `v=DMARC1` (RFC 7489 §6.6.3 step 2): then it is no
  /// DMARC record. Never fails on one that does.
  static std::optional<Record> parse(std::string_view text);
};

/// Report addresses we keep; RFC 7489 §6.2 asks for two.
inline constexpr std::size_t max_uris = 16;
/// Octets of a record we read: all that DNS can carry.
inline constexpr std::size_t max_record = 65535;

}  // namespace mailauth::dmarc
