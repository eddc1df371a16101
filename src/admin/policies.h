// SMTP policies: create, read, change, delete, and what one would do with a message.
#pragma once

#include "admin/core.h"
#include "admin/router.h"

namespace postern::dialect::webhook {
struct PolicyWrite;
}

namespace postern::admin {

class Policies {
 public:
  explicit Policies(Core& core) : core_(core) {}
  void add_routes(Router& router);

 private:
  Task<net::HttpResponse> list(Call& call);
  Task<net::HttpResponse> create(Call& call);
  Task<net::HttpResponse> show(Call& call);
  Task<net::HttpResponse> update(Call& call);
  Task<net::HttpResponse> remove(Call& call);
  Task<net::HttpResponse> dry_run(Call& call);

  Task<store::PolicyRow> stored(const Call& call);
  /// nullopt: somebody changed the policy meanwhile.
  Task<std::optional<store::PolicyRow>> try_update(Call& call);
  Task<dialect::webhook::PolicyWrite> with_hashes(dialect::webhook::PolicyWrite write);

  Core& core_;
};

}  // namespace postern::admin
