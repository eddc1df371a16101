// The author domain: what DMARC takes from the From field (RFC 7489 §6.6.1, RFC 5322 §3.4). An
// address that two readers may find in different places is no address.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mailauth/header.h"

namespace mailauth::dmarc {

enum class AuthorFault : std::uint8_t {
  none,
  no_field,
  several_fields,  ///< RFC 5322 §3.6 allows one
  syntax,          ///< not an address list
  no_domain,       ///< no address, or address literals alone
  too_many,        ///< above max_authors
};
std::string_view to_string(AuthorFault fault);

/// Addresses we read in one From field.
inline constexpr std::size_t max_authors = 100;

struct Author {
  std::vector<std::string> domains;  ///< A-labels, in order, each once
  /// There is one From field, it is an address list, and at least one address has a domain.
  bool valid = false;
  AuthorFault fault = AuthorFault::none;
  std::size_t addresses = 0;
  /// Something only the obsolete grammar allows (RFC 5322 §4.4): a route, blanks around the dots of
  /// an address, an empty list element, a dot at the end; or more than 998 octets unfolded; or a
  /// header with lines that are no fields.
  bool obsolete = false;

  /// One field, one address, no obsolete syntax: everybody reads the same domain.
  bool is_strict() const { return valid && addresses == 1 && !obsolete; }
};

/// `bodies`: what stands behind the colon of each From field, folds included.
Author author_of(const std::vector<std::string_view>& bodies);
/// The From fields of a header; a blank before the colon counts as obsolete.
Author author_of(const HeaderView& header);

}  // namespace mailauth::dmarc
