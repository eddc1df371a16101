// SMTP policies: create, read, change, delete, and what one would do with a message.
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
  // Of drafts: policies_draft.cc
  Task<net::HttpResponse> check_draft(Call& call);
  Task<net::HttpResponse> dry_run(Call& call);
  Task<net::HttpResponse> dry_run_draft(Call& call);

  /// The stored policy of this account; throws 404.
  Task<store::PolicyRow> find(std::string account, std::string id);
  Task<store::PolicyRow> stored(const Call& call);
  /// The members `policy` and `policy_id` of the body, judged as POST or PUT would; throws what
  /// those would answer.
  Task<std::shared_ptr<const dialect::webhook::PolicyFields>> draft(const Call& call);
  Task<net::HttpResponse> decide(DryRunRequest request);
  /// nullopt: somebody changed the policy meanwhile.
  Task<std::optional<store::PolicyRow>> try_update(Call& call);
  Task<dialect::webhook::PolicyWrite> with_hashes(const Call& call,
                                                  dialect::webhook::PolicyWrite write);

  Core& core_;
};

/// The fields of a stored policy, credentials included; throws when they cannot be read.
dialect::webhook::PolicyFields fields_of(const store::PolicyRow& row);
/// What the API says of a policy in words.
boost::json::array reads_as_json(const dialect::webhook::PolicyFields& fields);

}  // namespace postern::admin
