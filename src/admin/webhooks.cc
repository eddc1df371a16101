#include "admin/webhooks.h"

#include <array>

#include <boost/json.hpp>

#include "admin/guarded_edit.h"
#include "admin/ports.h"
#include "admin/publisher.h"
#include "admin/signing_key.h"
#include "admin/webhook_facts.h"
#include "base/text.h"
#include "base/ulid.h"

namespace postern::admin {
namespace {

using dialect::webhook::BodyReader;
using dialect::webhook::WebhookFields;
using store::WriteOutcome;

constexpr std::int64_t default_overlap = 86'400;
constexpr std::int64_t max_overlap = 604'800;

WebhookFields webhook_fields(const store::WebhookRow& row) {
  return {.name = row.name,
          .target_url = row.target_url,
          .email_address = row.address,
          .is_active = row.is_active,
          .policy_id = row.policy_id,
          .custom_headers = row.custom_headers,
          .payload_template = row.payload_template,
          .rate_limit_per_minute = row.rate_limit_per_minute,
          .delivery_mode = row.delivery_mode,
          .attachments = row.attachments,
          .include_raw = row.include_raw,
          .timeout_ms = row.timeout_ms,
          .inbox = row.inbox};
}

void assign_webhook(store::WebhookRow& row, const WebhookFields& fields) {
  row.name = fields.name;
  row.target_url = fields.target_url;
  row.address = fields.email_address;
  row.is_active = fields.is_active;
  row.policy_id = fields.policy_id;
  row.custom_headers = fields.custom_headers;
  row.payload_template = fields.payload_template;
  row.rate_limit_per_minute = fields.rate_limit_per_minute;
  row.delivery_mode = fields.delivery_mode;
  row.attachments = fields.attachments;
  row.include_raw = fields.include_raw;
  row.timeout_ms = fields.timeout_ms;
  row.inbox = fields.inbox;
}

boost::json::object webhook_json(const store::WebhookRow& row,
                                 const std::string& signing_public_key) {
  boost::json::object out{{"id", row.id}, {"account_id", row.account_id}};
  for (const auto& member : dialect::webhook::to_json(webhook_fields(row)))
    out[member.key()] = member.value();
  out["signing_public_key"] = signing_public_key.empty() ? boost::json::value(nullptr)
                                                         : boost::json::value(signing_public_key);
  out["previous_secret_expires_at"] = admin::to_json(row.previous_expires_at);
  out["version"] = row.version;
  out["created_at"] = to_rfc3339(row.created_at);
  out["updated_at"] = to_rfc3339(row.updated_at);
  return out;
}

/// What the store knows of a page of a list.
struct Page {
  boost::json::array data;
  std::uint64_t next = 0;   ///< cursor of the next slice
  std::uint64_t total = 0;  ///< of all pages
};

/// The webhook's name in an audit entry, which stays readable after the webhook was deleted.
const std::string& audit_name(const store::WebhookRow& row) {
  return row.name.empty() ? row.address : row.name;
}

/// The account's public key for `v1a` signatures, or "".
std::string public_key_of(store::Store& store, const std::string& account) {
  const auto row = unwrap(store.account(account));
  return row ? row->signing_public_key : std::string();
}

net::HttpResponse tagged(int status, const boost::json::object& body, std::uint64_t version) {
  net::HttpResponse response = json_response(status, body);
  response.headers.emplace_back("ETag", etag(version));
  return response;
}

/// Throws the Refusal for an outcome other than "not found".
void check_outcome(WriteOutcome outcome) {
  if (outcome == WriteOutcome::taken)
    throw conflict("address_taken",
                   "another webhook has this address, or another account has verified its domain");
  if (outcome == WriteOutcome::no_such_policy) {
    throw invalid("smtp_security_policy_id", "there is no such policy in this account");
  }
  if (outcome == WriteOutcome::too_many) throw account_limit();
  if (outcome != WriteOutcome::done) throw not_found();
}

}  // namespace

void Webhooks::add_routes(Router& router) {
  const auto add = [&](auto... route) { router.add(*this, route...); };
  add("GET", "/api/v1/webhooks", Access::read, Body::none, &Webhooks::list);
  add("POST", "/api/v1/webhooks", Access::write, Body::json, &Webhooks::create);
  add("GET", "/api/v1/webhooks/{id}", Access::read, Body::none, &Webhooks::show);
  add("PUT", "/api/v1/webhooks/{id}", Access::write, Body::json, &Webhooks::update);
  add("DELETE", "/api/v1/webhooks/{id}", Access::write, Body::none, &Webhooks::remove);
  add("POST", "/api/v1/webhooks/{id}/activate", Access::write, Body::none, &Webhooks::activate);
  add("POST", "/api/v1/webhooks/{id}/deactivate", Access::write, Body::none, &Webhooks::deactivate);
  add("POST", "/api/v1/webhooks/{id}/rotate-secret", Access::write, Body::optional_json,
      &Webhooks::rotate_secret);
}

dialect::webhook::WebhookRules Webhooks::rules_for(const std::string& account) const {
  store::Store& store = core_.deps.store;
  dialect::webhook::WebhookRules rules;
  rules.target.allow_http = core_.options.allow_http;
  rules.target.allow_networks = CidrSet(core_.options.allow_networks);
  rules.target.allow_ports = core_.options.allow_ports;
  rules.has_queue = core_.options.has_queue;
  rules.public_domain = core_.options.public_domain;
  // An error counts as "no" here; the write that follows reports it.
  rules.owns_domain = [&store, account](std::string_view domain) {
    const auto owner = store.owner_of_domain(domain);
    return owner && *owner == account;
  };
  rules.has_policy = [&store, account](std::string_view id) {
    const auto row = store.policy(account, id);
    return row && row->has_value();
  };
  rules.template_error = core_.deps.template_error;
  return rules;
}

namespace {

/// The local part on the shared domain.
std::string assigned_local_part(const std::string& id) {
  return "webhook-" + lower(id.substr(id.find('_') + 1));
}

}  // namespace

/// A webhook takes mail again only at a domain that its account still has, or with the address that
/// it was assigned, perhaps when another domain was the shared one.
void Webhooks::check_domain(const store::WebhookRow& row) const {
  const std::size_t at = row.address.rfind('@');
  const std::string domain = row.address.substr(at + 1);
  if (iequals(domain, core_.options.public_domain)) return;
  const bool is_assigned = row.address.substr(0, at) == assigned_local_part(row.id);
  const auto claimed = unwrap(core_.deps.store.domains(row.account_id)).rows;
  if (is_assigned && std::ranges::find(claimed, domain, &store::DomainRow::name) == claimed.end()) {
    return;
  }
  if (unwrap(core_.deps.store.owner_of_domain(domain)) == row.account_id) return;
  throw conflict(
      "domain_not_verified",
      fmt::format("the webhook stays switched off: `{}` is not a verified domain of this "
                  "account; verify it first",
                  domain));
}

net::HttpResponse Webhooks::answer(const store::WebhookRow& row,
                                   const boost::json::value* plan) const {
  boost::json::object body = webhook_json(row, public_key_of(core_.deps.store, row.account_id));
  if (plan != nullptr) body["plan"] = *plan;
  return tagged(200, body, row.version);
}

store::WebhookRow Webhooks::edit(const Call& call, const std::string& action, const Change& change,
                                 boost::json::value* plan) const {
  for (int i = 0; i < update_tries; ++i) {
    store::WebhookRow row = found(core_.deps.store.webhook(call.caller.account_id, call.ids[0]));
    const std::uint64_t version = row.version;
    if (!version_matches(call, version)) throw version_mismatch();
    const store::WebhookRow before = row;
    const std::vector<std::string> changed = change(row);
    if (changed.empty()) return row;
    if (row.is_active && !before.is_active) check_domain(row);
    row.version += 1;
    row.updated_at = call.now;
    std::optional<GuardedEdit> guarded;
    if (changed != std::vector<std::string>{"secret"}) {  // which decides nothing
      guarded.emplace(core_);
      guarded->webhook(call, row);
    }
    boost::json::object details{
        {"id", row.id}, {"name", audit_name(row)}, {"changed", boost::json::value_from(changed)}};
    if (plan != nullptr && core_.deps.planner != nullptr) {
      PlanRequest put{.before = {.webhooks = {to_webhook(before, Secret())}},
                      .after = {.webhooks = {to_webhook(row, Secret())}}};
      put.account_id = row.account_id;
      *plan = core_.deps.planner->brief(put);
      details["plan"] = *plan;
    }
    const store::AuditRow audit = core_.audit(call, action, details);
    const WriteOutcome kept = unwrap(core_.deps.publisher.update_webhook(row, version, audit));
    if (kept == WriteOutcome::stale) continue;
    check_outcome(kept);
    return row;
  }
  throw version_mismatch();
}

Task<net::HttpResponse> Webhooks::list(Call& call) {
  const std::optional<bool> active = boolean_parameter(call, "active");
  auto filter = store::WebhookFilter::all;
  if (active) filter = *active ? store::WebhookFilter::active : store::WebhookFilter::inactive;
  const auto keyset = keyset_of(call);
  const PageQuery query = keyset ? PageQuery{} : page_of(call);
  auto read = [&store = core_.deps.store, account = call.caller.account_id, filter, keyset, query] {
    Page page;
    std::vector<store::WebhookRow> rows;
    if (keyset) {
      store::Slice<store::WebhookRow> slice = unwrap(store.webhook_slice(account, filter, *keyset));
      page.next = slice.next;
      rows = std::move(slice.rows);
    } else {
      store::Listed<store::WebhookRow> listed =
          unwrap(store.webhooks(account, filter, query.as_page()));
      page.total = listed.total;
      rows = std::move(listed.rows);
    }
    const std::string key = public_key_of(store, account);
    for (const store::WebhookRow& row : rows) page.data.push_back(webhook_json(row, key));
    return page;
  };
  Page page = co_await core_.disk(call, std::move(read));
  co_await add_facts(core_, call, page.data);
  if (keyset) co_return sliced(std::move(page.data), page.next);
  co_return paged(std::move(page.data), query, page.total);
}

Task<net::HttpResponse> Webhooks::show(Call& call) {
  auto read = [&store = core_.deps.store, account = call.caller.account_id, id = call.ids[0]] {
    return webhook_json(found(store.webhook(account, id)), public_key_of(store, account));
  };
  boost::json::object row = co_await core_.disk(call, std::move(read));
  boost::json::array one{std::move(row)};
  co_await add_facts(core_, call, one);
  const boost::json::object& shown = one[0].as_object();
  co_return tagged(200, shown, shown.at("version").to_number<std::uint64_t>());
}

net::HttpResponse Webhooks::create(const Call& call) const {
  const auto parsed =
      dialect::webhook::parse_webhook(call.body, nullptr, rules_for(call.caller.account_id));
  if (!parsed) refuse(parsed.error());
  store::WebhookRow row;
  const std::string ulid = new_ulid();
  row.id = "wh_" + ulid;
  row.account_id = call.caller.account_id;
  row.created_at = row.updated_at = call.now;
  assign_webhook(row, parsed->fields);
  if (row.address.empty())
    row.address = assigned_local_part(row.id) + "@" + lower(core_.options.public_domain);
  row.secret = new_webhook_secret();
  const store::AuditRow audit =
      core_.audit(call, "webhook.created",
                  {{"id", row.id}, {"name", audit_name(row)}, {"email_address", row.address}});
  GuardedEdit guarded(core_);
  guarded.webhook(call, row);
  check_outcome(unwrap(core_.deps.publisher.create_webhook(row, audit)));
  boost::json::object body = webhook_json(row, public_key_of(core_.deps.store, row.account_id));
  body["secret"] = row.secret.reveal();
  return tagged(201, body, row.version);
}

net::HttpResponse Webhooks::update(const Call& call) const {
  const auto rules = rules_for(call.caller.account_id);
  boost::json::value plan;
  const auto change = [&](store::WebhookRow& row) {
    const WebhookFields before = webhook_fields(row);
    const auto write = dialect::webhook::parse_webhook(call.body, &before, rules);
    if (!write) refuse(write.error());
    assign_webhook(row, write->fields);
    return write->changed;
  };
  const store::WebhookRow row = edit(call, "webhook.updated", change, &plan);
  return answer(row, &plan);
}

net::HttpResponse Webhooks::remove(const Call& call) const {
  // Before the webhook is read: what is proved is what is deleted.
  GuardedEdit guarded(core_);
  // Also one that cannot be read.
  std::optional<store::WebhookRow> there;
  unwrap(core_.deps.store.each_webhook([&](store::WebhookRow one) { there = std::move(one); },
                                       {.account = call.caller.account_id, .id = call.ids[0]}));
  if (!there) throw not_found();
  const store::WebhookRow& row = *there;
  if (!version_matches(call, row.version)) throw version_mismatch();
  std::optional<std::uint64_t> expected;
  if (call.request.header("if-match")) expected = row.version;
  const store::AuditRow audit =
      core_.audit(call, "webhook.deleted",
                  {{"id", row.id}, {"name", audit_name(row)}, {"email_address", row.address}});
  guarded.removal(call, row);
  const WriteOutcome erased =
      unwrap(core_.deps.publisher.delete_webhook(row.account_id, row.id, expected, audit));
  if (erased == WriteOutcome::stale) throw version_mismatch();
  if (erased != WriteOutcome::done) throw not_found();
  unwrap(core_.forget_deliveries(std::span(&row.id, 1)));
  return no_content();
}

net::HttpResponse Webhooks::set_active(const Call& call, bool active) const {
  return answer(edit(call, "webhook.updated", [active](store::WebhookRow& row) {
    std::vector<std::string> changed;
    if (std::exchange(row.is_active, active) != active) changed.emplace_back("is_active");
    return changed;
  }));
}

net::HttpResponse Webhooks::activate(const Call& call) const { return set_active(call, true); }

net::HttpResponse Webhooks::deactivate(const Call& call) const { return set_active(call, false); }

net::HttpResponse Webhooks::rotate_secret(const Call& call) const {
  BodyReader body(call.body);
  body.refuse_unknown(std::array<std::string_view, 1>{"overlap_seconds"}, {}, "request");
  const std::int64_t overlap =
      body.integer("overlap_seconds", 0, max_overlap).value_or(default_overlap);
  check(body);
  const Secret fresh = new_webhook_secret();
  const store::Time until = call.now + std::chrono::seconds(overlap);
  const auto change = [&](store::WebhookRow& row) -> std::vector<std::string> {
    row.previous_secret.reset();
    row.previous_expires_at.reset();
    if (overlap > 0) {
      row.previous_secret = row.secret;
      row.previous_expires_at = until;
    }
    row.secret = fresh;
    return {"secret"};
  };
  const store::WebhookRow row = edit(call, "webhook.secret_rotated", change);
  return tagged(200, {{"secret", fresh.reveal()}, {"previous_expires_at", to_rfc3339(until)}},
                row.version);
}

}  // namespace postern::admin
