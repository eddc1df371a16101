// The result of SPF (RFC 7208 §2.6) as a value; check_host.h finds it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mailauth::spf {

/// An SPF result (RFC 7208 §2.6).
enum class Status : std::uint8_t { none, neutral, pass, fail, softfail, temperror, permerror };
/// The result as Authentication-Results writes it (RFC 8601 §2.7.2).
std::string_view to_string(Status status);

/// The identity to check (RFC 7208 §2.3, §2.4). With a null reverse-path, MAIL FROM is
/// postmaster@helo.
enum class Identity : std::uint8_t { mail_from, helo };
std::string_view to_string(Identity identity);  ///< the property name of RFC 8601 §2.7.2

/// The result of check_host().
struct Result {
  Status status = Status::none;             ///< the SPF result
  Identity identity = Identity::mail_from;  ///< the identity that was checked
  std::string domain;                       ///< the domain checked, in normal form if it is valid
  std::string sender;                       ///< the sender checked, `local@domain`
  /// The term that matched or caused an error, as written: `-all`, `include:example.org`; or empty.
  std::string mechanism;
  std::string record_domain;  ///< domain of that record; after redirect= it is not `domain`
  /// The domain's explanation of a fail, in printable ASCII, or empty. Do not trust it
  /// (RFC 7208 §11.5).
  std::string explanation;
  std::string reason;    ///< one sentence for logs; empty when a term decided
  int queries = 0;       ///< DNS queries used
  int lookup_terms = 0;  ///< DNS lookup terms evaluated
  int void_terms = 0;    ///< terms with void lookups
};

}  // namespace mailauth::spf
