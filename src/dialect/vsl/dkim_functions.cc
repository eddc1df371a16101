// verify_dkim and sign_dkim.
#include <algorithm>

#include "base/text.h"
#include "dialect/dkim_work.h"
#include "dialect/vsl/constants.h"
#include "dialect/vsl/functions.h"
#include "dialect/vsl/security.h"
#include "mailauth/dkim/sign.h"
#include "policy/questions/dkim.h"
#include "policy/results_field.h"

namespace postern::dialect::vsl {

namespace {

namespace ar = mailauth::ar;
namespace dkim = mailauth::dkim;
using policy::Need;
using script::Call;
using script::demand;

/// The most signatures, from the top, whose results a script gets.
constexpr std::size_t most_signatures = 5;

dkim::Results looked_at(const dkim::Results& all) {
  dkim::Results results = all;
  if (results.signatures.size() > most_signatures) results.signatures.resize(most_signatures);
  return results;
}

/// The domain that signs, and its key.
struct Signer {
  std::string domain;
  std::shared_ptr<const dkim::SigningKey> key;
};

/// Null key: the domain has none.
Signer signer_for(const Site& site, const std::string& domain) {
  return {iequals(domain, site.domain) ? site.domain : domain, key_of(site, domain)};
}

/// The signer of the sender's domain, else the server's.
Signer signer_of(const Context& context) {
  const Site& site = context.site;
  const auto sender = sender_of(context);
  const std::string domain = sender ? lower(sender->domain) : std::string();
  Signer signer = signer_for(site, domain);
  if (signer.key) return signer;
  demand(site.dkim_key != nullptr, "no DKIM private key is configured for '" +
                                       printable(domain.empty() ? site.domain : domain, 100) + "'");
  return {site.domain, site.dkim_key};
}

/// Whether h= may have the name; a semicolon in it would begin another tag.
bool may_be_signed(std::string_view name) {
  return mail::is_field_name(name) && name.find(';') == std::string_view::npos;
}

std::vector<std::string> field_names(const std::optional<Value>& wanted) {
  // From is listed twice, so that no second From can be added (RFC 6376 §8.15).
  if (!wanted) return {"From", "To", "Date", "Subject", "From"};
  const auto* array = std::get_if<Value::Array>(&wanted->is);
  demand(array != nullptr, "sign_dkim: the header fields are an array of names");
  demand(array->size() <= dkim::max_signed_fields, "sign_dkim: too many header fields");
  std::vector<std::string> names;
  for (const Value& one : *array) {
    names.push_back(text_of(one));
    demand(may_be_signed(names.back()),
           "sign_dkim: '" + printable(names.back(), 60) + "' is no name of a header field");
  }
  demand(std::any_of(names.begin(), names.end(),
                     [](const std::string& name) { return iequals(name, "from"); }),
         "sign_dkim: the From header must be signed");
  return names;
}

dkim::SignOptions options_of(const std::string& selector, const std::optional<Value>& fields,
                             const std::optional<Value>& canonicalization) {
  const std::string form = canonicalization ? text_from(*canonicalization) : "simple/relaxed";
  demand_text(refused_forms, form);
  const auto forms = dkim::parse_forms(form);
  dkim::SignOptions options;
  options.selector = selector;
  options.forms = *forms;
  options.fields = field_names(fields);
  return options;
}

/// What sign_dkim() is asked for.
struct Request {
  dkim::SignOptions options;
  std::optional<std::string> domain;  ///< whose key; nullopt: the sender's
};

/// The domain of a key of get_private_keys().
std::string domain_of_key(const Value& key) {
  const auto* map = std::get_if<Value::Map>(&key.is);
  const auto found = map == nullptr ? Value::Map::const_iterator() : map->find("sdid");
  demand(map != nullptr && found != map->end(),
         "sign_dkim: a key is one of get_private_keys(), which stay with the gateway");
  return lower(text_from(found->second));
}

/// `#{ selector, private_key, sdid, headers, canonicalization }`.
Request request_of(const Value::Map& map) {
  static constexpr std::string_view known[] = {"selector", "private_key", "sdid", "headers",
                                               "canonicalization"};
  for (const auto& [name, value] : map) {
    demand(std::ranges::find(known, name) != std::ranges::end(known),
           "sign_dkim has no option `" + printable(name, 60) + "`");
  }
  const auto given = [&](const char* name) -> std::optional<Value> {
    const auto found = map.find(name);
    return found == map.end() ? std::nullopt : std::optional(found->second);
  };
  const auto selector = given("selector");
  demand(selector.has_value(), "sign_dkim needs a `selector`");
  Request request{
      .options = options_of(text_from(*selector), given("headers"), given("canonicalization")),
      .domain = {}};
  if (const auto key = given("private_key")) request.domain = domain_of_key(*key);
  if (const auto sdid = given("sdid")) request.domain = lower(text_from(*sdid));
  return request;
}

}  // namespace

std::shared_ptr<const dkim::SigningKey> key_of(const Site& site, std::string_view domain) {
  const auto found = site.virtual_domains.find(domain);
  if (found != site.virtual_domains.end() && found->second) return found->second;
  return iequals(domain, site.domain) ? site.dkim_key : nullptr;
}

bool has_keys(const Site& site) {
  return site.dkim_key != nullptr || std::ranges::any_of(site.virtual_domains, [](const auto& one) {
           return one.second != nullptr;
         });
}

std::vector<ar::MethodResult> dkim_methods(const policy::Evidence& evidence) {
  const dkim::Results results = looked_at(*evidence.dkim);
  if (!results.signatures.empty()) return policy::dkim_results(results, most_signatures);
  return {{.method = "dkim", .result = std::string(dkim::to_text(results.overall()))}};
}

Task<CheckResult> verify_dkim(Call& call) {
  Context& context = rule_of(call);
  Draft& draft = draft_with_message(context);
  co_await gather(context, Need::dkim);
  const dkim::Results& results = *context.evidence.dkim;
  const auto* one = policy::questions::telling_signature(results, most_signatures);
  if (!draft.verified) add_results(context, dkim_methods(context.evidence));
  draft.verified = true;
  Value::Map map;
  map["status"] = std::string(dkim::to_text(one != nullptr ? one->reported() : results.overall()));
  map["sdid"] = one != nullptr ? one->signature.domain : std::string();
  map["auid"] = one != nullptr ? one->signature.identity : std::string();
  co_return std::make_shared<const Value>(std::move(map));
}

Task<void> sign_dkim(Call& call, Value selector, std::optional<Value> key,
                     std::optional<Value> fields, std::optional<Value> canonicalization) {
  Context& context = rule_of(call);
  Draft& draft = draft_with_message(context);
  Request request;
  if (const auto* map = std::get_if<Value::Map>(&selector.is)) {
    demand(!key, "sign_dkim takes a map, or a selector and what else is not the default");
    request = request_of(*map);
  } else {
    // Without a key all others are one place earlier.
    const bool has_key = key && std::holds_alternative<Value::Map>(key->is);
    if (!has_key) {
      demand(!canonicalization, "sign_dkim: a key is one of get_private_keys()");
      canonicalization = std::exchange(fields, std::exchange(key, std::nullopt));
    }
    demand(fields.has_value() == canonicalization.has_value(),
           "sign_dkim takes a selector, or a selector, header fields and a canonicalization");
    request.options = options_of(text_from(selector), fields, canonicalization);
    if (has_key) request.domain = domain_of_key(*key);
  }
  Signer signer = request.domain ? signer_for(context.site, *request.domain) : signer_of(context);
  demand(signer.key != nullptr,
         "no DKIM private key is configured for '" +
             printable(request.domain ? *request.domain : context.site.domain, 100) + "'");
  if (!context.site.signs) co_return;
  dkim::SignOptions options = std::move(request.options);
  options.domain = std::move(signer.domain);
  const Result<std::string> field = co_await signed_field(
      call.world(), std::move(signer.key), std::move(options), message_text(context));
  demand(field.has_value(), field ? "" : "sign_dkim: " + field.error().message);
  insert_field(draft, draft.header.begin(), {"DKIM-Signature", *field});
}

Value private_keys(Call& call, Text domain) {
  return value_of(call.told_by("get_private_keys", [&]() -> json::value {
    const Signer signer = signer_for(site_of(call), lower(domain.value));
    json::array keys;
    if (signer.key) keys.push_back({{"sdid", signer.domain}});
    return keys;
  }));
}

}  // namespace postern::dialect::vsl
