#include "policy/own_addresses.h"

#include "base/text.h"
#include "mail/address.h"
#include "policy/relaying.h"
#include "policy/route.h"

namespace postern::policy {

namespace {

bool is_postmaster(const mail::Mailbox& address) {
  return iequals(address.unquoted_local_part(), "postmaster");
}

}  // namespace

bool is_bare_postmaster(const mail::Mailbox& address) {
  return address.domain.empty() && is_postmaster(address);
}

bool is_own_postmaster(const mail::Mailbox& address, const OwnNames& names) {
  const bool here = address.domain.empty() || iequals(address.domain, names.hostname);
  return here && is_postmaster(address);
}

std::string completed_domain(std::string domain, std::string_view appended) {
  const bool one_label = !domain.empty() && domain.find_first_of(".[") == std::string::npos;
  if (one_label && !appended.empty()) domain.append(".").append(appended);
  return domain;
}

mail::Mailbox completed(mail::Mailbox address, const OwnNames& names) {
  if (!address.domain.empty()) {
    address.domain = completed_domain(std::move(address.domain), names.appended);
    return address;
  }
  const bool at_host = names.origin.empty() || is_own_postmaster(address, names);
  address.domain = std::string(at_host ? names.hostname : names.origin);
  return address;
}

Route route_of(const Directory& directory, const mail::Mailbox& address, const OwnNames& names) {
  Route route = directory.resolve(completed(address, names));
  if (is_own_postmaster(address, names)) (void)grant_relay(Grant::postmaster, route);
  return route;
}

}  // namespace postern::policy
