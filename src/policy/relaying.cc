#include "policy/relaying.h"
#include "policy/route.h"

namespace postern::policy {

std::string_view to_string(Grant grant) {
  switch (grant) {
    case Grant::client:
      return "client";
    case Grant::domain:
      return "domain";
    case Grant::rules:
      return "rules";
    case Grant::postmaster:
      return "postmaster";
    case Grant::added:
      return "added";
    case Grant::returned:
      return "returned";
    case Grant::nowhere:
      break;
  }
  return "nowhere";
}

bool gives_route(Grant grant, const Route& route) {
  if (route.kind != Route::Kind::none) return false;
  const bool anywhere = grant == Grant::client || grant == Grant::rules;
  return !anywhere || route.missing == Route::Missing::foreign_domain;
}

bool grant_relay(Grant grant, Route& route) {
  if (!gives_route(grant, route)) return false;
  route.kind = Route::Kind::relay;
  return true;
}

}  // namespace postern::policy
