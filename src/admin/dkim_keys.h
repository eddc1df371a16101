// DKIM keys of an account's domains: created or uploaded, published in DNS, activated, deactivated.
#pragma once

#include "admin/core.h"
#include "admin/router.h"

namespace postern::admin {

/// Endpoints of DKIM keys. A key is `published` (its record may be in DNS, it does not sign) or
/// `signing`. The API never returns private keys.
class DkimKeys {
 public:
  /// `core` must outlive this.
  explicit DkimKeys(Core& core) : core_(core) {}
  /// Adds the routes. This must outlive `router`.
  void add_routes(Router& router);

 private:
  net::HttpResponse list(const Call& call) const;
  Task<net::HttpResponse> add(Call& call);
  Task<net::HttpResponse> change(Call& call);
  net::HttpResponse remove(const Call& call) const;

  // The domain and the key of the path; throw 404. Block on the disk.
  store::DomainRow domain_of(const Call& call) const;
  store::DkimKeyRow stored(const Call& call) const;
  /// Throws unless DNS has the key's record: signatures that cannot be verified are worse than
  /// none.
  Task<void> require_record(store::DkimKeyRow key);

  Core& core_;
};

/// The DNS name of the key's record (RFC 6376 §3.6.2.1).
std::string record_name(const store::DkimKeyRow& key);
/// Whether verifiers that read `record` get this key and may use it.
bool is_record_of(const store::DkimKeyRow& key, std::string_view record);

}  // namespace postern::admin
