// Where the verdicts of DNSSEC come from, as values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace postern::net {

/// What is asked for. `automatic`: validating where the name servers pass what that takes, else
/// trusting those on the loopback, else off.
enum class Dnssec : std::uint8_t { automatic, validate, trust_ad, off };

/// What it is.
struct DnssecState {
  enum class Kind : std::uint8_t {
    validating,  ///< answers are checked here (RFC 4035 §5)
    trusting,    ///< the name servers' AD bit counts (RFC 4035 §4.9.3)
    off,         ///< no answer is secure
  };
  Kind kind = Kind::off;
  /// `off`: why. Otherwise what keeps answers from being secure; empty when nothing is known to.
  std::string trouble;
  std::string servers = {};  ///< that are trusted
  /// What the last probe found instead of a proof; it changes nothing until it is found again.
  std::string doubt = {};

  /// Whether answers can be secure, so that DANE acts.
  bool proves() const { return kind != Kind::off && trouble.empty(); }
  /// `validating`, `trusting 127.0.0.1`, `off: the servers pass no DNSSEC records`, `validating;
  /// the last probe: what the servers say of the root fails validation`.
  std::string text() const;
  bool operator==(const DnssecState&) const = default;
};
/// `validating`, `trusting`, `off`.
const char* to_string(DnssecState::Kind kind);

/// What became of the questions about the root: the last of these that one of them came to.
struct DnssecProbe {
  enum class Outcome : std::uint8_t {
    secure,
    silent,    ///< no answer
    bogus,     ///< an answer whose proof fails, as a forged one's does
    insecure,  ///< an answer without what proves it
  };
  Outcome outcome = Outcome::silent;
  std::string why = {};  ///< the resolver's word on an answer that fails validation
};

/// What is wrong with a file of trust anchors for the root (RFC 4033 §3.1), or nothing: whether it
/// can be read and holds a DS or DNSKEY record.
std::optional<std::string> trust_anchor_trouble(const std::string& file);

}  // namespace postern::net
