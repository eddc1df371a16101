#include "admin/webhooks.h"

#include <array>

#include <boost/json.hpp>

#include "admin/publisher.h"
#include "admin/signing_key.h"
#include "admin/webhook_facts.h"
#include "base/text.h"
#include "base/ulid.h"

namespace postern::admin {
namespace {

using dialect::webhook::BodyReader;
using dialect::webhook::FieldErrors;
using dialect::webhook::Parsed;
using dialect::webhook::WebhookFields;
using dialect::webhook::WebhookWrite;
using store::Outcome;

constexpr int update_tries = 3;
constexpr std::int64_t default_overlap = 86'400;
constexpr std::int64_t max_overlap = 604'800;

WebhookFields fields_of(const store::WebhookRow& row) {
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

void assign(store::WebhookRow& row, const WebhookFields& fields) {
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

boost::json::object to_json(const store::WebhookRow& row, const std::string& signing_public_key) {
  boost::json::object out{{"id", row.id}, {"account_id", row.account_id}};
  for (const auto& member : dialect::webhook::to_json(fields_of(row)))
    out[member.key()] = member.value();
  out["signing_public_key"] = signing_public_key.empty() ? boost::json::value(nullptr)
                                                         : boost::json::value(signing_public_key);
  out["previous_secret_expires_at"] = admin::to_json(row.previous_expires_at);
  out["version"] = row.version;
  out["created_at"] = to_rfc3339(row.created_at);
  out["updated_at"] = to_rfc3339(row.updated_at);
  return out;
}

/// The webhook's name in an audit entry, which stays readable after the webhook was deleted.
const std::string& audit_name(const store::WebhookRow& row) {
  return row.name.empty() ? row.address : row.name;
}

/// The account's public key for `v1a` signatures, or "".
Result<std::string> public_key_of(store::Store& store, const std::string& account) {
  const auto row = store.account(account);
  if (!row) return tl::unexpected(row.error());
  return *row ? (*row)->signing_public_key : std::string();
}

net::HttpResponse answer(int status, const store::WebhookRow& row, const std::string& key) {
  net::HttpResponse response = json_response(status, to_json(row, key));
  response.headers.emplace_back("ETag", etag(row.version));
  return response;
}

/// Throws the Refusal for an outcome other than "not found".
void check_outcome(Outcome outcome) {
  if (outcome == Outcome::taken)
    throw conflict("address_taken", "another webhook has this address");
  if (outcome == Outcome::no_such_policy) {
    throw invalid("smtp_security_policy_id", "there is no such policy in this account");
  }
  if (outcome == Outcome::too_many) throw account_limit();
  if (outcome != Outcome::done) throw not_found();
}

/// The rows returned by `fetch`, and the public key of their account.
template <class Fetch>
auto with_key(store::Store& store, const std::string& account, Fetch fetch)
    -> Result<std::pair<typename std::invoke_result_t<Fetch>::value_type, std::string>> {
  auto rows = fetch();
  if (!rows) return tl::unexpected(rows.error());
  const auto key = public_key_of(store, account);
  if (!key) return tl::unexpected(key.error());
  return std::pair{std::move(*rows), *key};
}

boost::json::array to_json(const std::vector<store::WebhookRow>& rows, const std::string& key) {
  boost::json::array data;
  for (const store::WebhookRow& row : rows) data.push_back(to_json(row, key));
  return data;
}

}  // namespace

void Webhooks::add_routes(Router& router) {
  const auto add = [&](std::string_view method, std::string_view path, Access access, Body body,
                       auto member) {
    router.add(
        {method, path, access, body, [this, member](Call& call) { return (this->*member)(call); }});
  };
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
    return store.owns_verified_domain(account, domain).value_or(false);
  };
  rules.has_policy = [&store, account](std::string_view id) {
    const auto row = store.policy(account, id);
    return row && row->has_value();
  };
  rules.template_error = core_.deps.template_error;
  return rules;
}

Task<Webhooks::Shown> Webhooks::stored(const Call& call) {
  auto look = [&store = core_.deps.store, account = call.caller.account_id,
               id = call.ids[0]]() -> Result<std::optional<Shown>> {
    const auto row = store.webhook(account, id);
    if (!row) return tl::unexpected(row.error());
    if (!*row) return std::optional<Shown>();
    const auto key = public_key_of(store, account);
    if (!key) return tl::unexpected(key.error());
    return Shown{**row, *key};
  };
  std::optional<Shown> shown = co_await core_.disk(call, std::move(look));
  if (!shown) throw not_found();
  co_return std::move(*shown);
}

Result<Webhooks::Edited> Webhooks::edit_row(const Dependencies& deps, const Call& call,
                                            const std::string& action, const Change& change,
                                            store::AuditRow audit) {
  Edited edited;
  const auto row = deps.store.webhook(call.caller.account_id, call.ids[0]);
  if (!row) return tl::unexpected(row.error());
  if (!*row) return edited;
  edited.shown.row = **row;
  const std::uint64_t version = edited.shown.row.version;
  edited.version_differs = !version_matches(call, version);
  if (edited.version_differs) return edited;
  const Parsed<std::vector<std::string>> changed = change(edited.shown.row);
  if (!changed) {
    edited.errors = changed.error();
    return edited;
  }
  edited.outcome = Outcome::done;
  if (!changed->empty()) {
    edited.shown.row.version += 1;
    edited.shown.row.updated_at = call.now;
    audit.action = action;
    audit.details =
        boost::json::serialize(boost::json::object{{"id", edited.shown.row.id},
                                                   {"name", audit_name(edited.shown.row)},
                                                   {"changed", boost::json::value_from(*changed)}});
    const Result<Outcome> kept = deps.publisher.update_webhook(edited.shown.row, version, audit);
    if (!kept) return tl::unexpected(kept.error());
    edited.outcome = *kept;
  }
  const auto key = public_key_of(deps.store, call.caller.account_id);
  if (!key) return tl::unexpected(key.error());
  edited.shown.signing_public_key = *key;
  return edited;
}

Task<Webhooks::Shown> Webhooks::edit(Call& call, std::string action, Change change) {
  for (int i = 0; i < update_tries; ++i) {
    auto work = [&deps = core_.deps, call, action, change, audit = core_.audit(call, action)] {
      return edit_row(deps, call, action, change, audit);
    };
    Edited edited = co_await core_.disk(call, std::move(work));
    if (edited.version_differs) throw version_mismatch();
    if (edited.errors) refuse(*edited.errors);
    if (edited.outcome == Outcome::stale) continue;
    check_outcome(edited.outcome);
    co_return std::move(edited.shown);
  }
  throw version_mismatch();
}

Task<net::HttpResponse> Webhooks::list(Call& call) {
  const std::optional<bool> active = boolean_parameter(call, "active");
  auto filter = store::WebhookFilter::all;
  if (active) filter = *active ? store::WebhookFilter::active : store::WebhookFilter::inactive;
  if (const auto keyset = keyset_of(call)) {
    auto read = [&store = core_.deps.store, account = call.caller.account_id, filter,
                 keyset = *keyset] {
      return with_key(store, account, [&] { return store.webhook_slice(account, filter, keyset); });
    };
    const auto found = co_await core_.disk(call, std::move(read));
    boost::json::array data = to_json(found.first.rows, found.second);
    co_await add_facts(core_, call.caller.account_id, data);
    co_return sliced(std::move(data), found.first.next);
  }
  const PageQuery query = page_of(call);
  auto read = [&store = core_.deps.store, account = call.caller.account_id, filter,
               page = query.as_page()] {
    return with_key(store, account, [&] { return store.webhooks(account, filter, page); });
  };
  const auto found = co_await core_.disk(call, std::move(read));
  boost::json::array data = to_json(found.first.rows, found.second);
  co_await add_facts(core_, call.caller.account_id, data);
  co_return paged(std::move(data), query, found.first.total);
}

Task<net::HttpResponse> Webhooks::create(Call& call) {
  auto judge = [rules = rules_for(call.caller.account_id),
                body = call.body]() -> Result<Parsed<WebhookWrite>> {
    return dialect::webhook::parse_webhook(body, nullptr, rules);
  };
  const Parsed<WebhookWrite> parsed = co_await core_.disk(call, std::move(judge));
  if (!parsed) refuse(parsed.error());
  store::WebhookRow row;
  const std::string ulid = new_ulid();
  row.id = "wh_" + ulid;
  row.account_id = call.caller.account_id;
  row.created_at = row.updated_at = call.now;
  assign(row, parsed->fields);
  if (row.address.empty())
    row.address = "webhook-" + lower(ulid) + "@" + lower(core_.options.public_domain);
  row.secret = new_webhook_secret();
  auto keep = [&deps = core_.deps, row,
               audit = core_.audit(call, "webhook.created",
                                   {{"id", row.id},
                                    {"name", audit_name(row)},
                                    {"email_address", row.address}})]() -> Result<Edited> {
    const Result<Outcome> kept = deps.publisher.create_webhook(row, audit);
    if (!kept) return tl::unexpected(kept.error());
    const auto key = public_key_of(deps.store, row.account_id);
    if (!key) return tl::unexpected(key.error());
    Edited made;
    made.outcome = *kept;
    made.shown = {row, *key};
    return made;
  };
  const Edited made = co_await core_.disk(call, std::move(keep));
  check_outcome(made.outcome);
  boost::json::object body = to_json(made.shown.row, made.shown.signing_public_key);
  body["secret"] = row.secret.reveal();
  net::HttpResponse response = json_response(201, body);
  response.headers.emplace_back("ETag", etag(row.version));
  co_return response;
}

Task<net::HttpResponse> Webhooks::show(Call& call) {
  const Shown shown = co_await stored(call);
  boost::json::array one{to_json(shown.row, shown.signing_public_key)};
  co_await add_facts(core_, call.caller.account_id, one);
  net::HttpResponse response = json_response(200, one[0].as_object());
  response.headers.emplace_back("ETag", etag(shown.row.version));
  co_return response;
}

Task<net::HttpResponse> Webhooks::update(Call& call) {
  Change change = [rules = rules_for(call.caller.account_id),
                   body = call.body](store::WebhookRow& row) -> Parsed<std::vector<std::string>> {
    const WebhookFields before = fields_of(row);
    const Parsed<WebhookWrite> write = dialect::webhook::parse_webhook(body, &before, rules);
    if (!write) return tl::unexpected(write.error());
    assign(row, write->fields);
    return write->changed;
  };
  const Shown shown = co_await edit(call, "webhook.updated", std::move(change));
  co_return answer(200, shown.row, shown.signing_public_key);
}

Task<net::HttpResponse> Webhooks::remove(Call& call) {
  const Shown shown = co_await stored(call);
  if (!version_matches(call, shown.row.version)) throw version_mismatch();
  std::optional<std::uint64_t> expected;
  if (call.request.header("if-match")) expected = shown.row.version;
  auto erase = [&core = core_, row = shown.row, expected,
                audit = core_.audit(call, "webhook.deleted",
                                    {{"id", shown.row.id},
                                     {"name", audit_name(shown.row)},
                                     {"email_address", shown.row.address}})]() -> Result<Outcome> {
    Result<Outcome> erased =
        core.deps.publisher.delete_webhook(row.account_id, row.id, expected, audit);
    if (!erased || *erased != Outcome::done) return erased;
    const std::array<std::string, 1> gone = {row.id};
    if (auto forgotten = core.forget_deliveries(gone); !forgotten) {
      return tl::unexpected(forgotten.error());
    }
    return erased;
  };
  const Outcome erased = co_await core_.disk(call, std::move(erase));
  if (erased == Outcome::stale) throw version_mismatch();
  if (erased != Outcome::done) throw not_found();
  co_return no_content();
}

Task<net::HttpResponse> Webhooks::set_active(Call& call, bool active) {
  Change change = [active](store::WebhookRow& row) -> Parsed<std::vector<std::string>> {
    if (row.is_active == active) return std::vector<std::string>();
    row.is_active = active;
    return std::vector<std::string>{"is_active"};
  };
  const Shown shown = co_await edit(call, "webhook.updated", std::move(change));
  co_return answer(200, shown.row, shown.signing_public_key);
}

Task<net::HttpResponse> Webhooks::activate(Call& call) { return set_active(call, true); }

Task<net::HttpResponse> Webhooks::deactivate(Call& call) { return set_active(call, false); }

Task<net::HttpResponse> Webhooks::rotate_secret(Call& call) {
  BodyReader body(call.body);
  body.refuse_unknown(std::array<std::string_view, 1>{"overlap_seconds"}, {}, "request");
  const std::int64_t overlap =
      body.integer("overlap_seconds", 0, max_overlap).value_or(default_overlap);
  check(body);
  const Secret fresh = new_webhook_secret();
  const store::Time until = call.now + std::chrono::seconds(overlap);
  Change change = [fresh, until,
                   overlap](store::WebhookRow& row) -> Parsed<std::vector<std::string>> {
    row.previous_secret.reset();
    row.previous_expires_at.reset();
    if (overlap > 0) {
      row.previous_secret = row.secret;
      row.previous_expires_at = until;
    }
    row.secret = fresh;
    return std::vector<std::string>{"secret"};
  };
  const Shown shown = co_await edit(call, "webhook.secret_rotated", std::move(change));
  net::HttpResponse response =
      json_response(200, {{"secret", fresh.reveal()}, {"previous_expires_at", to_rfc3339(until)}});
  response.headers.emplace_back("ETag", etag(shown.row.version));
  co_return response;
}

}  // namespace postern::admin
