// A result of address verification.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace postern::relay {

/// What is known about an address.
struct Verified {
  /// The kinds of result.
  enum class Kind : std::uint8_t {
    deliverable,    ///< a mail host accepts it
    undeliverable,  ///< a mail host refuses it for good, or the domain takes no mail
    deferred,       ///< no mail host could say
  };
  Kind kind = Kind::deferred;  ///< the result
  std::string why;             ///< one line, printable
  bool operator==(const Verified&) const = default;
};
/// "deliverable", "undeliverable", "deferred".
std::string_view to_string(Verified::Kind kind);

/// A result and when it was found; wall clock, as results outlive the process.
struct VerifiedEntry {
  Verified verified;                            ///< the result
  std::chrono::system_clock::time_point found;  ///< when
};

}  // namespace postern::relay
