// SMTP policies: create, read, change, delete, and dry runs.
#pragma once

#include <memory>

#include <boost/json/array.hpp>

#include "admin/core.h"
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
  Task<net::HttpResponse> list(Call& call);
  Task<net::HttpResponse> create(Call& call);
  Task<net::HttpResponse> show(Call& call);
  Task<net::HttpResponse> update(Call& call);
  Task<net::HttpResponse> remove(Call& call);
  // Drafts: policies_draft.cc
  Task<net::HttpResponse> check_draft(Call& call);
  Task<net::HttpResponse> dry_run(Call& call);
  Task<net::HttpResponse> dry_run_draft(Call& call);

  /// The policy of this account; throws 404.
  Task<store::PolicyRow> find(std::string account, std::string id);
  Task<store::PolicyRow> stored(const Call& call);
  /// The members `policy` and `policy_id` of the body, validated as in POST and PUT, whose refusals
  /// it throws.
  Task<std::shared_ptr<const dialect::webhook::PolicyFields>> draft(const Call& call);
  Task<net::HttpResponse> decide(DryRunRequest request);
  /// nullopt: the policy was changed concurrently.
  Task<std::optional<store::PolicyRow>> try_update(Call& call);
  Task<dialect::webhook::PolicyWrite> with_hashes(const Call& call,
                                                  dialect::webhook::PolicyWrite write);

  Core& core_;
};

/// The fields of a stored policy with its credentials. Throws if they cannot be read.
dialect::webhook::PolicyFields fields_of(const store::PolicyRow& row);
/// The API's description of a policy in sentences.
boost::json::array reads_as_json(const dialect::webhook::PolicyFields& fields);

}  // namespace postern::admin
