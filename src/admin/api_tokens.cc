#include "admin/api_tokens.h"

#include <algorithm>
#include <array>

#include <boost/json.hpp>

#include "admin/digest.h"
#include "base/text.h"
#include "base/ulid.h"
#include "store/store.h"

namespace postern::admin {
namespace {

using dialect::webhook::BodyReader;

constexpr std::string_view token_prefix = "postern_";
// Octets of a token, with its prefix, that are shown to tell tokens apart.
constexpr std::size_t shown_octets = 14;
constexpr std::size_t max_networks = 100;
constexpr std::uint64_t max_tokens = 200;

boost::json::object token_json(const store::ApiTokenRow& row) {
  return {{"id", row.id},
          {"name", row.name},
          {"prefix", row.prefix},
          {"scopes", boost::json::value_from(row.scopes)},
          {"allowed_ips", boost::json::value_from(row.allowed_ips)},
          {"expires_at", admin::to_json(row.expires_at)},
          {"last_used_at", admin::to_json(row.last_used_at)},
          {"created_at", to_rfc3339(row.created_at)},
          {"created_by", row.maker_email.empty() ? boost::json::value(nullptr)
                                                 : boost::json::value(row.maker_email)}};
}

std::optional<store::Time> read_expiry(BodyReader& body, store::Time now) {
  const boost::json::value* value = body.find("expires_at");
  if (value == nullptr || value->is_null()) return std::nullopt;
  const std::optional<std::string> text = body.text("expires_at");
  check(body);
  const std::optional<store::Time> time = from_rfc3339(*text);
  if (!time) throw invalid("expires_at", "is not a time like \"2030-01-31T00:00:00Z\"");
  if (*time <= now) throw invalid("expires_at", "is in the past");
  return time;
}

/// The strings of an array member; throws 422 for anything else.
std::vector<std::string> read_strings(BodyReader& body, std::string_view name) {
  std::vector<std::string> list;
  const boost::json::value* value = body.find(name);
  if (value == nullptr) return list;
  if (!value->is_array()) throw invalid(std::string(name), "must be an array of strings");
  for (const boost::json::value& element : value->get_array()) {
    if (!element.is_string()) throw invalid(std::string(name), "must be an array of strings");
    list.emplace_back(element.get_string());
  }
  return list;
}

std::vector<std::string> read_networks(BodyReader& body) {
  std::vector<std::string> networks;
  for (const std::string& text : read_strings(body, "allowed_ips")) {
    const Result<Cidr> network = Cidr::parse(text);
    if (!network) throw invalid("allowed_ips", network.error().message);
    networks.push_back(network->to_string());
  }
  if (networks.size() > max_networks) throw invalid("allowed_ips", "has more than 100 elements");
  return networks;
}

std::vector<std::string> read_scopes(BodyReader& body, store::Role role) {
  const bool may_write = role >= store::Role::operates;
  // The default is what most programs need. An empty list would make a useless token.
  if (body.find("scopes") == nullptr) {
    return may_write ? std::vector<std::string>{"read", "write"} : std::vector<std::string>{"read"};
  }
  std::vector<std::string> scopes = read_strings(body, "scopes");
  if (scopes.empty())
    throw invalid("scopes", "names no scope; leave it out for \"read\" and \"write\"");
  for (const std::string& scope : scopes) {
    if (scope != "read" && scope != "write")
      throw invalid("scopes", "may hold only \"read\" and \"write\"");
    if (scope == "write" && !may_write)
      throw forbidden("a viewer's API tokens may have the scope \"read\" only");
  }
  std::sort(scopes.begin(), scopes.end());
  scopes.erase(std::unique(scopes.begin(), scopes.end()), scopes.end());
  return scopes;
}

store::ApiTokenRow read_token(const Call& call) {
  BodyReader body(call.body);
  body.refuse_unknown(
      std::array<std::string_view, 4>{"name", "expires_at", "allowed_ips", "scopes"}, {},
      "API token");
  check(body);
  if (body.find("name") == nullptr) throw missing("name");
  const std::optional<std::string> name = body.title("name");
  check(body);
  if (name->empty()) throw invalid("name", "is empty");
  store::ApiTokenRow row;
  row.id = new_id("tok_");
  row.account_id = call.caller.account_id;
  row.name = *name;
  row.maker = call.caller.person_id;
  row.scopes = read_scopes(body, call.caller.role);
  row.allowed_ips = read_networks(body);
  row.expires_at = read_expiry(body, call.now);
  row.created_at = call.now;
  return row;
}

}  // namespace

void ApiTokens::add_routes(Router& router) {
  router.add(*this, "GET", "/api/v1/api-tokens", Access::read, Body::none, &ApiTokens::list);
  router.add(*this, "POST", "/api/v1/api-tokens", Access::session, Body::json, &ApiTokens::create);
  router.add(*this, "DELETE", "/api/v1/api-tokens/{id}", Access::session, Body::none,
             &ApiTokens::revoke);
}

net::HttpResponse ApiTokens::create(const Call& call) const {
  store::Store& store = core_.deps.store;
  store::ApiTokenRow row = read_token(call);
  const auto person = unwrap(store.account(row.maker));
  if (!person) throw unauthorized("the account is gone");
  row.maker_email = person->email;
  const Secret token(std::string(token_prefix) + base64url_encode(random_bytes(32)));
  row.prefix = token.reveal().substr(0, shown_octets);
  row.hash = Secret(sha256(token.reveal()));
  if (unwrap(store.api_tokens(row.account_id, {0, 1})).total >= max_tokens)
    throw conflict("conflict", "the account has 200 API tokens; revoke one first");
  const store::AuditRow audit =
      core_.audit(call, "api_token.created", {{"id", row.id}, {"name", row.name}});
  if (unwrap(store.create_api_token(row, &audit)) != store::WriteOutcome::done)
    throw unauthorized("the account is gone");
  boost::json::object body = token_json(row);
  body["token"] = token.reveal();
  return json_response(201, body);
}

net::HttpResponse ApiTokens::list(const Call& call) const {
  const auto tokens = unwrap(core_.deps.store.api_tokens(call.caller.account_id, {0, max_tokens}));
  boost::json::array data;
  for (const store::ApiTokenRow& row : tokens.rows) data.push_back(token_json(row));
  return json_response(200, {{"data", std::move(data)}, {"total", tokens.total}});
}

net::HttpResponse ApiTokens::revoke(const Call& call) const {
  // An owner is responsible for everybody's tokens; other people have only their own.
  const bool everybodys = call.caller.role == store::Role::owner;
  const std::string maker = everybodys ? std::string() : call.caller.person_id;
  const store::AuditRow audit = core_.audit(call, "api_token.revoked", {{"id", call.ids[0]}});
  const store::WriteOutcome erased =
      unwrap(core_.deps.store.delete_api_token(call.caller.account_id, maker, call.ids[0], &audit));
  if (erased != store::WriteOutcome::done) throw not_found();
  return no_content();
}

}  // namespace postern::admin
