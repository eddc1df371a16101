// Addresses without a domain, and the postmaster of this host; for sessions and for `explain`.
#pragma once

#include <string>
#include <string_view>

#include "policy/directory.h"

namespace postern::policy {

/// This host's names. Borrowed.
struct OwnNames {
  std::string_view hostname;  ///< host name, also the domain of the postmaster
  std::string_view origin;    ///< domain of addresses without one; empty: the host name
  /// Completes a domain of one label (append_dot_mydomain); empty: it stays as it is.
  std::string_view appended = {};
};

/// Whether it is <postmaster> without a domain (RFC 5321 §4.5.1), whatever its quotes and case.
/// `postmaster%elsewhere` is another address: it has a route.
bool is_bare_postmaster(const mail::Mailbox& address);
/// Whether it is <postmaster> or the postmaster of this host, which always exists
/// (RFC 5321 §4.5.1).
bool is_own_postmaster(const mail::Mailbox& address, const OwnNames& names);
/// The domain with `.appended`, if it has one label and `appended` is not empty.
std::string completed_domain(std::string domain, std::string_view appended);
/// The address with a whole domain: without one `origin`, for <postmaster> the host name.
mail::Mailbox completed(mail::Mailbox address, const OwnNames& names);
/// The route of a recipient. This host's postmaster is relayed by its name if no webhook owns it.
Route route_of(const Directory& directory, const mail::Mailbox& address, const OwnNames& names);

}  // namespace postern::policy
