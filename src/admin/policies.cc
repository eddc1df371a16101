#include "admin/policies.h"

#include <boost/json.hpp>

#include "admin/drafts.h"
#include "admin/guarded_edit.h"
#include "admin/publisher.h"
#include "base/shown.h"
#include "base/ulid.h"
#include "dialect/webhook/compile.h"
#include "dialect/webhook/fields.h"
#include "policy/bcrypt.h"
#include "policy/stored_password.h"
#include "store/store.h"

namespace postern::admin {
namespace {

using dialect::webhook::PolicyFields;
using dialect::webhook::PolicyWrite;
using store::WriteOutcome;

boost::json::object policy_json(const store::PolicyRow& row) {
  const PolicyFields fields = fields_of(row);
  boost::json::object out{{"id", row.id}, {"account_id", row.account_id}};
  for (const auto& member : dialect::webhook::to_json(fields)) out[member.key()] = member.value();
  boost::json::array users;
  for (const auto& credential : fields.smtp_credentials) {
    users.push_back(boost::json::object{{"username", credential.username},
                                        {"cost", policy::bcrypt_cost(credential.hash)}});
  }
  out["smtp_users"] = std::move(users);
  out["reads_as"] = reads_as_json(fields);
  out["version"] = row.version;
  out["webhook_count"] = row.webhook_count;
  out["created_at"] = to_rfc3339(row.created_at);
  out["updated_at"] = to_rfc3339(row.updated_at);
  return out;
}

/// `plan`: of the edit that it comes from; nullopt: of none.
net::HttpResponse policy_response(int status, const store::PolicyRow& row,
                                  const std::optional<boost::json::value>& plan = std::nullopt) {
  boost::json::object body = policy_json(row);
  if (plan) body["plan"] = *plan;
  net::HttpResponse response = json_response(status, body);
  response.headers.emplace_back("ETag", etag(row.version));
  return response;
}

/// Copies the validated fields to the row; the caller sets versions and times.
void assign_policy(store::PolicyRow& row, const PolicyFields& fields) {
  row.name = fields.name;
  row.definition = dialect::webhook::compile(row.id, row.account_id, row.version,
                                             row.credentials_version, fields)
                       ->definition;
  row.credentials.clear();
  for (const auto& credential : fields.smtp_credentials)
    row.credentials.push_back({credential.username, credential.hash, 0});
}

boost::json::object audit_details(const store::PolicyRow& row,
                                  const std::vector<std::string>& changed) {
  return {{"id", row.id}, {"name", row.name}, {"changed", boost::json::value_from(changed)}};
}

/// Writes the response of GET /smtp-policies in pieces. One thread at a time.
class ListText {
 public:
  ListText(store::Store& store, std::string account, std::optional<store::Keyset> keyset,
           PageQuery query)
      : store_(store),
        account_(std::move(account)),
        keyset_(std::move(keyset)),
        query_(query),
        left_(keyset_ ? keyset_->limit : query.page_size),
        offset_(query.as_page().offset) {
    if (keyset_) keyset_->limit = 1;
  }

  /// The next piece of the response; empty after the end. Blocks on the disk.
  Result<std::string> next() {
    if (ended_) return std::string();
    std::string text = std::exchange(begun_, true) ? "" : "{\"data\":[";
    while (text.size() < piece) {
      const Result<std::optional<store::PolicyRow>> row = read();
      if (!row) return tl::unexpected(row.error());
      if (!*row) return text + end();
      if (std::exchange(listed_, true)) text += ',';
      text += shown_json(boost::json::serialize(policy_json(**row)));
    }
    return text;
  }
  bool ended() const { return ended_; }

 private:
  static constexpr std::size_t piece = std::size_t{256} << 10;

  Result<std::optional<store::PolicyRow>> read() {
    if (left_ == 0) return std::nullopt;
    --left_;
    std::vector<store::PolicyRow> rows;
    if (keyset_) {
      auto slice = store_.policy_slice(account_, *keyset_);
      if (!slice) return tl::unexpected(slice.error());
      next_ = keyset_->before = slice->next;
      if (next_ == 0) left_ = 0;
      rows = std::move(slice->rows);
    } else {
      auto page = store_.policies(account_, {.offset = offset_++, .limit = 1});
      if (!page) return tl::unexpected(page.error());
      total_ = page->total;
      rows = std::move(page->rows);
    }
    if (rows.empty()) return std::nullopt;
    return std::move(rows.front());
  }

  std::string end() {
    ended_ = true;
    boost::json::object around;
    if (keyset_) {
      around["next"] =
          next_ == 0 ? boost::json::value(nullptr) : boost::json::value(std::to_string(next_));
    } else {
      around = {{"page", query_.page}, {"page_size", query_.page_size}, {"total", total_}};
    }
    return "]," + boost::json::serialize(around).substr(1);
  }

  store::Store& store_;
  const std::string account_;
  std::optional<store::Keyset> keyset_;  // of the next page; nullopt: by offset_
  const PageQuery query_;
  std::uint64_t left_;
  std::uint64_t offset_;
  std::uint64_t total_ = 0;
  std::uint64_t next_ = 0;
  bool begun_ = false;
  bool listed_ = false;
  bool ended_ = false;
};

}  // namespace

PolicyFields fields_of(const store::PolicyRow& row) {
  Result<PolicyFields> fields = dialect::webhook::fields_of(row.definition);
  if (!fields) {
    throw storage_trouble({fields.error().fault, row.id + ": " + fields.error().message});
  }
  for (const store::CredentialRow& credential : row.credentials) {
    fields->smtp_credentials.push_back({credential.username, credential.hash});
  }
  return std::move(*fields);
}

void Policies::add_routes(Router& router) {
  const auto add = [&](auto... route) { router.add(*this, route...); };
  add("GET", "/api/v1/smtp-policies", Access::read, Body::none, &Policies::list);
  add("POST", "/api/v1/smtp-policies", Access::write, Body::json, &Policies::create);
  add("POST", "/api/v1/smtp-policies/check", Access::read, Body::json, &Policies::check_draft);
  add("POST", "/api/v1/smtp-policies/dry-run", Access::read, Body::json, &Policies::dry_run_draft);
  add("GET", "/api/v1/smtp-policies/{id}", Access::read, Body::none, &Policies::show);
  add("PUT", "/api/v1/smtp-policies/{id}", Access::write, Body::json, &Policies::update);
  router.add({.method = "DELETE",
              .path = "/api/v1/smtp-policies/{id}",
              .access = Access::write,
              .body = Body::none,
              .handler = router.handler(*this, &Policies::remove),
              .query = {"if_unused"}});
  add("POST", "/api/v1/smtp-policies/{id}/dry-run", Access::read, Body::json, &Policies::dry_run);
}

/// One job per hash: there may be a thousand, and other users' sign-ins must get their turns.
Task<PolicyWrite> Policies::with_hashes(const Call& call, PolicyWrite write) {
  std::vector<Secret> hashes;
  for (const dialect::webhook::PasswordToHash& one : write.to_hash) {
    refuse_while_stopping(core_);
    auto work = [password = one.password] {
      // The password is prepared before it is hashed (RFC 4616 §2); clients may send either form.
      const std::vector<Secret> spellings = policy::spellings_of(password);
      const bool prepared = !spellings.empty() && policy::is_hashable(spellings.front());
      return policy::bcrypt_hash(prepared ? spellings.front() : password);
    };
    std::optional<Result<Secret>> hash = co_await core_.hash(turn_of(call), std::move(work));
    if (!hash || !*hash) throw busy();
    hashes.push_back(std::move(**hash));
  }
  auto next = hashes.begin();
  dialect::webhook::hash_passwords(write, [&](const Secret&) { return std::move(*next++); });
  co_return write;
}

store::PolicyRow Policies::stored(const Call& call) const {
  return found(core_.deps.store.policy(call.caller.account_id, call.ids[0]));
}

/// A page may have 100 MiB, so its policies are read and written a few at a time.
net::HttpResponse Policies::list(const Call& call) const {
  const auto keyset = keyset_of(call);
  const auto list = std::make_shared<ListText>(core_.deps.store, call.caller.account_id, keyset,
                                               keyset ? PageQuery{} : page_of(call));
  net::HttpResponse response;
  response.body = unwrap(list->next());
  if (list->ended()) return response;
  auto read = [list, first = std::exchange(response.body, {})]() mutable {
    return first.empty() ? list->next() : std::exchange(first, {});
  };
  response.stream = core_.stream(call, std::nullopt, std::move(read));
  return response;
}

Task<net::HttpResponse> Policies::create(Call& call) {
  dialect::webhook::Parsed<PolicyWrite> parsed = dialect::webhook::parse_policy(call.body, nullptr);
  if (!parsed) refuse(parsed.error());
  const PolicyWrite write = co_await with_hashes(call, std::move(*parsed));
  store::PolicyRow row;
  row.id = new_id("pol_");
  row.account_id = call.caller.account_id;
  row.created_at = row.updated_at = call.now;
  assign_policy(row, write.fields);
  auto keep = [&publisher = core_.deps.publisher, row,
               audit =
                   core_.audit(call, "smtp_policy.created", audit_details(row, write.changed))] {
    return publisher.create_policy(row, audit);
  };
  const WriteOutcome kept = co_await core_.disk(call, std::move(keep));
  if (kept == WriteOutcome::too_many) throw account_limit();
  if (kept != WriteOutcome::done) throw unauthorized("the account is gone");
  co_return policy_response(201, row);
}

net::HttpResponse Policies::show(const Call& call) const {
  return policy_response(200, stored(call));
}

/// What it changes for its webhooks; null: that is not known. Blocks.
boost::json::value Policies::plan_of(const store::PolicyRow& row) const {
  if (core_.deps.planner == nullptr) return nullptr;
  PlanRequest edit;
  edit.account_id = row.account_id;
  edit.after.policies.push_back(unwrap(to_policy(row)));
  add_webhooks(core_, edit);
  return core_.deps.planner->brief(edit);
}

Task<std::optional<Policies::Updated>> Policies::try_update(Call& call) {
  auto look = [this](const Call& own) { return stored(own); };
  store::PolicyRow row = co_await core_.disk(call, std::move(look));
  const std::uint64_t version = row.version;
  if (!version_matches(call, version)) throw version_mismatch();
  const PolicyFields before = fields_of(row);
  dialect::webhook::Parsed<PolicyWrite> parsed = dialect::webhook::parse_policy(call.body, &before);
  if (!parsed) refuse(parsed.error());
  if (parsed->changed.empty()) co_return Updated{.row = std::move(row), .plan = nullptr};
  const PolicyWrite write = co_await with_hashes(call, std::move(*parsed));
  row.version += 1;
  if (write.credentials_changed) row.credentials_version += 1;
  row.updated_at = call.now;
  assign_policy(row, write.fields);
  auto keep = [this, row, version, changed = write.changed](
                  const Call& own_call) -> Result<std::pair<WriteOutcome, boost::json::value>> {
    GuardedEdit guarded(core_);
    guarded.policy(own_call, row);
    boost::json::value plan = plan_of(row);
    boost::json::object details = audit_details(row, changed);
    details["plan"] = plan;
    const auto outcome = core_.deps.publisher.update_policy(
        row, version, core_.audit(own_call, "smtp_policy.updated", details));
    if (!outcome) return tl::unexpected(outcome.error());
    return std::pair(*outcome, std::move(plan));
  };
  auto [kept, plan] = co_await core_.disk(call, std::move(keep));
  if (kept == WriteOutcome::stale) co_return std::nullopt;
  if (kept == WriteOutcome::too_many) throw account_limit();
  if (kept != WriteOutcome::done) throw not_found();
  co_return Updated{.row = std::move(row), .plan = std::move(plan)};
}

Task<net::HttpResponse> Policies::update(Call& call) {
  for (int i = 0; i < update_tries; ++i) {
    const std::optional<Updated> updated = co_await try_update(call);
    if (updated) co_return policy_response(200, updated->row, updated->plan);
  }
  throw version_mismatch();
}

net::HttpResponse Policies::remove(const Call& call) const {
  const bool if_unused = boolean_parameter(call, "if_unused").value_or(false);
  // Also one that cannot be read.
  std::optional<store::PolicyRow> there;
  unwrap(core_.deps.store.each_policy([&](store::PolicyRow one) { there = std::move(one); },
                                      {.account = call.caller.account_id, .id = call.ids[0]}));
  if (!there) throw not_found();
  const store::PolicyRow& row = *there;
  if (!version_matches(call, row.version)) throw version_mismatch();
  std::optional<std::uint64_t> expected;
  if (call.request.header("if-match")) expected = row.version;
  const auto if_used = if_unused ? store::IfUsed::refuse : store::IfUsed::detach;
  const auto audit = [&](const std::vector<std::string>& detached) {
    return core_.audit(call, "smtp_policy.deleted",
                       {{"id", row.id},
                        {"name", row.name},
                        {"detached_webhooks", boost::json::value_from(detached)}});
  };
  GuardedEdit guarded(core_);
  guarded.detachment(call, row);
  const store::PolicyDeleted deleted = unwrap(core_.deps.publisher.delete_policy(
      row.account_id, row.id, expected, if_used, call.now, audit));
  if (deleted.outcome == WriteOutcome::in_use)
    throw conflict("policy_in_use", "webhooks use this policy");
  if (deleted.outcome == WriteOutcome::stale) throw version_mismatch();
  if (deleted.outcome != WriteOutcome::done) throw not_found();
  return no_content();
}

}  // namespace postern::admin
