// The source of DNSSEC results, as values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace postern::net {

/// The configured mode. `automatic`: validate if the name servers pass DNSSEC records; otherwise
/// trust name servers on the loopback; otherwise off.
enum class Dnssec : std::uint8_t { automatic, validate, trust_ad, off };

/// The actual mode.
struct DnssecState {
  /// How answers become secure.
  enum class Kind : std::uint8_t {
    validating,  ///< answers are validated here (RFC 4035 §5)
    trusting,    ///< the AD bit of the name servers is trusted (RFC 4035 §4.9.3)
    off,         ///< no answer is secure
  };
  /// The mode.
  Kind kind = Kind::off;
  /// For `off`: the reason. Otherwise the reason why no answer is secure; empty: none known.
  std::string trouble;
  std::string servers = {};  ///< the trusted servers
  /// The negative result of the last probe; it takes effect only if it is repeated.
  std::string doubt = {};
  /// The resolver's own message about `doubt`, or else `trouble`; may be empty.
  std::string words = {};

  /// Whether answers can be secure, so that DANE is in effect.
  bool proves() const { return kind != Kind::off && trouble.empty(); }
  /// For operators: `validating`, `trusting 127.0.0.1`, `off: the servers pass no DNSSEC records`,
  /// `validating; the last probe: what the servers say of the root fails validation`.
  std::string brief() const;
  /// brief(), and `words` in parentheses.
  std::string text() const;
  bool operator==(const DnssecState&) const = default;
};
/// The name: `validating`, `trusting`, `off`.
const char* to_string(DnssecState::Kind kind);

/// The result of the probe queries for the root: the highest Outcome among them.
struct DnssecProbe {
  /// From best to worst.
  enum class Outcome : std::uint8_t {
    secure,
    silent,    ///< no answer
    bogus,     ///< an answer that fails validation, as a forged one does
    insecure,  ///< an answer without DNSSEC proof
  };
  /// The result.
  Outcome outcome = Outcome::silent;
  std::string why = {};  ///< the resolver's reason for a validation failure
};

/// Why a file of trust anchors for the root cannot be used (RFC 4033 §3.1): it cannot be read, or
/// has no DS or DNSKEY record. nullopt: it can be used.
std::optional<std::string> trust_anchor_trouble(const std::string& file);

}  // namespace postern::net
