// DKIM keys of own domains: made here or uploaded, published in DNS, put to use, taken out of use.
#pragma once

#include "admin/core.h"
#include "admin/router.h"

namespace postern::admin {

/// A key is `published` (its record belongs into DNS, it does not sign) or `signing`. Private keys
/// go in and never out.
class DkimKeys {
 public:
  explicit DkimKeys(Core& core) : core_(core) {}
  void add_routes(Router& router);

 private:
  Task<net::HttpResponse> list(Call& call);
  Task<net::HttpResponse> add(Call& call);
  Task<net::HttpResponse> change(Call& call);
  Task<net::HttpResponse> remove(Call& call);

  Task<store::DomainRow> domain_of(const Call& call);
  Task<store::DkimKeyRow> stored(const Call& call);
  /// Throws unless DNS has the key's record: signatures that nobody can verify are worse than none.
  Task<void> require_record(store::DkimKeyRow key);

  Core& core_;
};

/// Where a key's record stands.
std::string record_name(const store::DkimKeyRow& key);
/// Whether verifiers that read `record` find this key and may use it.
bool is_record_of(const store::DkimKeyRow& key, std::string_view record);

}  // namespace postern::admin
