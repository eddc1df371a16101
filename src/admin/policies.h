// SMTP policies: create, read, change, delete, and dry runs.
#pragma once

#include <memory>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "admin/core.h"
#include "admin/ports.h"
#include "admin/router.h"

namespace postern::dialect::webhook {
struct PolicyFields;
struct PolicyWrite;
}  // namespace postern::dialect::webhook

namespace postern::admin {

/// Endpoints of policies.
class Policies {
 public:
  /// `core` must outlive this.
  explicit Policies(Core& core) : core_(core) {}
  /// Adds the routes. This must outlive `router`.
  void add_routes(Router& router);

 private:
  net::HttpResponse list(const Call& call) const;
  Task<net::HttpResponse> create(Call& call);
  net::HttpResponse show(const Call& call) const;
  Task<net::HttpResponse> update(Call& call);
  net::HttpResponse remove(const Call& call) const;
  // Drafts: policies_draft.cc
  net::HttpResponse check_draft(const Call& call) const;
  Task<net::HttpResponse> dry_run(Call& call);
  Task<net::HttpResponse> dry_run_draft(Call& call);

  /// The policy of the path; throws 404. Blocks on the disk.
  store::PolicyRow stored(const Call& call) const;
  /// The members `policy` and `policy_id` of the body, validated as in POST and PUT, whose refusals
  /// it throws. Blocks on the disk.
  dialect::webhook::PolicyFields draft(const Call& call) const;
  Task<net::HttpResponse> decide(DryRunRequest request);
  /// A changed policy, and what the change did (docs/plan.md).
  struct Updated {
    store::PolicyRow row;
    boost::json::value plan;
  };
  /// nullopt: the policy was changed concurrently.
  Task<std::optional<Updated>> try_update(Call& call);
  boost::json::value plan_of(const store::PolicyRow& row) const;
  Task<dialect::webhook::PolicyWrite> with_hashes(const Call& call,
                                                  dialect::webhook::PolicyWrite write);

  Core& core_;
};

/// The fields of a stored policy with its credentials. Throws if they cannot be read.
dialect::webhook::PolicyFields fields_of(const store::PolicyRow& row);
/// The API's description of a policy in sentences.
boost::json::array reads_as_json(const dialect::webhook::PolicyFields& fields);

}  // namespace postern::admin
