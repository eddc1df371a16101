#include "policy/own_addresses.h"

#include "base/text.h"

namespace postern::policy {

bool is_own_postmaster(const mail::Mailbox& address, const OwnNames& names) {
  const bool here = address.domain.empty() || iequals(address.domain, names.hostname);
  return here && iequals(address.unquoted_local_part(), "postmaster");
}

mail::Mailbox completed(mail::Mailbox address, const OwnNames& names) {
  if (!address.domain.empty()) return address;
  const bool at_host = names.origin.empty() || is_own_postmaster(address, names);
  address.domain = std::string(at_host ? names.hostname : names.origin);
  return address;
}

Route route_of(const Directory& directory, const mail::Mailbox& address, const OwnNames& names) {
  Route route = directory.resolve(completed(address, names));
  if (route.kind == Route::Kind::none && is_own_postmaster(address, names)) {
    route.kind = Route::Kind::relay;
  }
  return route;
}

}  // namespace postern::policy
