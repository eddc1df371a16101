// verify_dkim and sign_dkim.
#include <algorithm>

#include "base/text.h"
#include "dialect/dkim_work.h"
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

Signer signer_of(const Context& context) {
  const Site& site = context.site;
  const auto sender = sender_of(context);
  const std::string domain = sender ? lower(sender->domain) : std::string();
  const auto found = site.virtual_domains.find(domain);
  if (found != site.virtual_domains.end() && found->second) return {domain, found->second};
  demand(site.dkim_key != nullptr, "no DKIM private key is configured for '" +
                                       printable(domain.empty() ? site.domain : domain, 100) + "'");
  return {site.domain, site.dkim_key};
}

/// Whether h= may have the name; a semicolon in it would begin another tag.
bool may_be_signed(std::string_view name) {
  return mail::is_field_name(name) && name.find(';') == std::string_view::npos;
}

std::vector<std::string> names_of(const std::optional<Value>& wanted) {
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

dkim::SignOptions options_of(const Text& selector, const std::optional<Value>& fields,
                             const std::optional<Text>& canonicalization) {
  demand(fields.has_value() == canonicalization.has_value(),
         "sign_dkim takes a selector, or a selector, header fields and a canonicalization");
  const std::string form = canonicalization ? canonicalization->value : "simple/relaxed";
  const auto forms = dkim::parse_forms(form);
  demand(forms.has_value(),
         "sign_dkim: '" + printable(form, 60) + "' is no canonicalization such as simple/relaxed");
  dkim::SignOptions options;
  options.selector = selector.value;
  options.forms = *forms;
  options.fields = names_of(fields);
  return options;
}

}  // namespace

std::vector<ar::MethodResult> dkim_methods(const policy::Evidence& evidence) {
  const dkim::Results results = looked_at(*evidence.dkim);
  if (!results.signatures.empty()) return policy::dkim_results(results, most_signatures);
  return {{.method = "dkim", .result = std::string(dkim::to_text(results.overall()))}};
}

Task<Verdict> verify_dkim(Call& call) {
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

Task<void> sign_dkim(Call& call, Text selector, std::optional<Value> fields,
                     std::optional<Text> canonicalization) {
  Context& context = rule_of(call);
  Draft& draft = draft_with_message(context);
  dkim::SignOptions options = options_of(selector, fields, canonicalization);
  Signer signer = signer_of(context);
  if (!context.site.signs) co_return;
  options.domain = std::move(signer.domain);
  const Result<std::string> field = co_await signed_field(
      call.world(), std::move(signer.key), std::move(options), message_text(context));
  demand(field.has_value(), field ? "" : "sign_dkim: " + field.error().message);
  insert_field(draft, draft.header.begin(), {"DKIM-Signature", *field});
}

}  // namespace postern::dialect::vsl
