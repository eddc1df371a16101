// The author domain that DMARC takes from the From field (RFC 7489 §6.6.1, RFC 5322 §3.4). An
// address that readers may parse in different ways is rejected.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mailauth {
class HeaderView;
}

namespace mailauth::dmarc {

/// Why a message has no author domain.
enum class AuthorFault : std::uint8_t {
  none,
  no_field,
  several_fields,  ///< RFC 5322 §3.6 allows one field
  syntax,          ///< not an address list
  no_domain,       ///< no address, or only address literals
  too_many,        ///< more than max_authors addresses
};
/// A sentence for replies and logs; empty for `none`.
std::string_view to_string(AuthorFault fault);

/// Addresses that are read in one From field.
inline constexpr std::size_t max_authors = 100;

/// What the From fields of a message contain.
struct Author {
  std::vector<std::string> domains;  ///< in normal form, without duplicates, in their order
  /// There is exactly one From field, it is an address list, and at least one address has a domain.
  bool valid = false;
  AuthorFault fault = AuthorFault::none;  ///< why it is not valid
  std::size_t addresses = 0;              ///< number of addresses read
  /// The field needs the obsolete grammar (RFC 5322 §4.4): a route, blanks around the dots of an
  /// address, an empty list element, a dot at the end. Also set for more than 998 octets after
  /// unfolding, and for a header with malformed lines.
  bool obsolete = false;

  /// One field with one address and no obsolete syntax: all readers find the same domain.
  bool is_strict() const { return valid && addresses == 1 && !obsolete; }
};

/// `bodies`: the text after the colon of each From field, with its folds. At most ten are read.
Author author_of(const std::vector<std::string_view>& bodies);
/// Reads the From fields of a header. A blank before the colon counts as obsolete.
Author author_of(const HeaderView& header);

}  // namespace mailauth::dmarc
