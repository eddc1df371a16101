// DMARC records (RFC 7489 §6.3, RFC 9989 §4.7): text to values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mailauth::dmarc {

/// A policy of p=, sp= or np= (RFC 7489 §6.3).
enum class Policy : std::uint8_t { none, quarantine, reject };
/// The policy as the record writes it.
std::string_view to_string(Policy policy);

/// adkim= or aspf=: r or s (RFC 7489 §6.3).
enum class Alignment : std::uint8_t { relaxed, strict };

/// psd= (RFC 9989 §4.7).
enum class SuffixFlag : std::uint8_t { unknown, yes, no };

/// p=, sp= or np=: absent, a policy, or an unknown value.
struct PolicyTag {
  bool present = false;          ///< the record has the tag
  std::optional<Policy> policy;  ///< nullopt: absent or unknown
};

/// A parsed record. A tag with an invalid value keeps its default, and the rest of the record
/// counts (RFC 7489 §6.3). Tag names and keywords are compared without case. Of a repeated tag the
/// first counts.
struct Record {
  PolicyTag p;                           ///< for the domain itself
  PolicyTag sp;                          ///< for subdomains
  PolicyTag np;                          ///< for subdomains that do not exist (RFC 9989 §4.7)
  Alignment adkim = Alignment::relaxed;  ///< for DKIM
  Alignment aspf = Alignment::relaxed;   ///< for SPF
  SuffixFlag psd = SuffixFlag::unknown;  ///< whether the domain is a public suffix
  bool testing = false;                  ///< t=y (RFC 9989 §4.7)
  unsigned pct = 100;                    ///< percent of messages to which the policy applies
  unsigned ri = 86400;                   ///< seconds between aggregate reports
  std::string fo = "0";                  ///< failure reporting options as written
  std::vector<std::string> rua;          ///< URIs for aggregate reports, at most max_uris
  std::vector<std::string> ruf;          ///< URIs for failure reports, at most max_uris

  /// Parses a TXT record. Nullopt when the text does not begin with `v=DMARC1` (RFC 7489 §6.6.3
  /// step 2) or is longer than max_record; it does not count as a DMARC record then. Does not fail
  /// otherwise.
  static std::optional<Record> parse(std::string_view text);
};

/// Report addresses that are kept; RFC 7489 §6.2 requires support for two.
inline constexpr std::size_t max_uris = 16;
/// Octets of a record that is read: the most that DNS can carry.
inline constexpr std::size_t max_record = 65535;

}  // namespace mailauth::dmarc
