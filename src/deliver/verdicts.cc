#include "deliver/verdicts.h"

#include <algorithm>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/text.h"
#include "deliver/mime_charset.h"
#include "policy/questions/dkim.h"
#include "policy/results_field.h"
#include "policy/webhook.h"

namespace postern::deliver {

namespace json = boost::json;

namespace {

namespace dkim = mailauth::dkim;
using policy::Evidence;

json::value text_or_null(std::string_view text) {
  if (text.empty()) return nullptr;
  return json::value(valid_utf8(text));
}

json::value spf_object(const Evidence& evidence) {
  json::object object{
      {"result", "skipped"},
      {"identity", policy::spf_by_helo(evidence) ? "helo" : "mailfrom"},
      {"domain", valid_utf8(policy::spf_by_helo(evidence) ? evidence.session.helo
                                                          : evidence.reverse_path->domain)},
      {"mechanism", nullptr},
      {"aligned", policy::spf_aligned(evidence)},
      {"reason", "not evaluated"}};
  if (!evidence.spf) return object;
  object["result"] = mailauth::spf::to_string(evidence.spf->status);
  object["domain"] = valid_utf8(evidence.spf->domain);
  object["mechanism"] = text_or_null(evidence.spf->mechanism);
  object["reason"] = text_or_null(evidence.spf->reason);
  return object;
}

/// Acceptable, and by one of the policy's DKIM domains, if the policy lists any.
bool is_allowed(const Evidence& evidence, const dkim::SignatureResult& one) {
  const policy::Recipient* subject = evidence.subject();
  const policy::WebhookPolicy* owner = subject != nullptr ? subject->route.policy.get() : nullptr;
  using policy::questions::says;
  return says(one, owner != nullptr ? &owner->dkim_domains : nullptr) ==
         policy::questions::Dkim::Says::vouched;
}

json::value signature_object(const Evidence& evidence, const dkim::SignatureResult& one) {
  const dkim::Signature& signature = one.signature;
  json::array fields;
  for (const std::string& name : signature.fields) fields.emplace_back(valid_utf8(lower(name)));
  json::value key_bits;
  if (one.key_bits != 0) key_bits = one.key_bits;
  return {{"result", dkim::to_text(one.reported())},
          {"domain", valid_utf8(signature.domain)},
          {"selector", valid_utf8(signature.selector)},
          {"identity", text_or_null(signature.identity)},
          {"algorithm", policy::algorithm_of(one)},
          {"key_bits", std::move(key_bits)},
          {"signed_headers", std::move(fields)},
          {"body_length_limited", signature.length.has_value()},
          {"testing", one.testing},
          {"allowed", is_allowed(evidence, one)},
          {"aligned", policy::aligned(evidence, one)},
          {"reason", text_or_null(policy::trouble_of(one))}};
}

json::value dmarc_object(const Evidence& evidence) {
  json::object object{{"result", "none"},
                      {"policy", nullptr},
                      {"domain", text_or_null(policy::author_domain(evidence))},
                      {"record_domain", nullptr},
                      {"spf_aligned", false},
                      {"dkim_aligned", false}};
  if (!evidence.dmarc) return object;
  const mailauth::dmarc::Result& verdict = *evidence.dmarc;
  object["result"] = mailauth::dmarc::to_string(verdict.status);
  if (verdict.record) object["policy"] = mailauth::dmarc::to_string(verdict.policy);
  object["record_domain"] = text_or_null(verdict.record_domain);
  object["spf_aligned"] = verdict.spf_aligned;
  object["dkim_aligned"] = verdict.dkim_aligned;
  return object;
}

json::value arc_object(const Evidence& evidence) {
  const mailauth::arc::Verdict verdict = evidence.arc.value_or(mailauth::arc::Verdict{});
  json::array sealers;
  for (const std::string& domain : verdict.sealers) sealers.emplace_back(valid_utf8(domain));
  return {{"result", mailauth::arc::to_text(verdict.status)},
          {"instance", verdict.instance},
          {"sealers", std::move(sealers)},
          {"oldest_pass", verdict.oldest_pass},
          {"reason", text_or_null(policy::trouble_of(verdict))}};
}

}  // namespace

std::vector<std::string_view> unsigned_fields(
    const Evidence& evidence, const std::function<std::size_t(std::string_view name)>& count) {
  std::vector<const dkim::SignatureResult*> vouching;
  if (evidence.dkim) {
    for (const dkim::SignatureResult& one : evidence.dkim->signatures) {
      if (policy::aligned(evidence, one)) vouching.push_back(&one);
    }
  }
  std::vector<std::string_view> names;
  if (vouching.empty()) return names;
  for (const std::string_view name : steering_fields) {
    const auto covers = [&, there = count(name)](const dkim::SignatureResult* one) {
      const auto times = std::ranges::count_if(
          one->signature.fields, [&](const std::string& field) { return iequals(field, name); });
      return static_cast<std::size_t>(times) >= there;
    };
    if (std::ranges::none_of(vouching, covers)) names.push_back(name);
  }
  return names;
}

json::value auth_results(const Evidence& evidence) {
  json::array signatures;
  if (evidence.dkim) {
    for (const auto* one : policy::told_signatures(*evidence.dkim, max_told_signatures)) {
      signatures.push_back(signature_object(evidence, *one));
    }
  }
  return {{"spf", spf_object(evidence)},
          {"dkim", std::move(signatures)},
          {"dmarc", dmarc_object(evidence)},
          {"arc", arc_object(evidence)}};
}

void log_verdicts(const Evidence& evidence, store::LogRecord& record) {
  record.spf_result =
      evidence.spf ? std::string(mailauth::spf::to_string(evidence.spf->status)) : "skipped";
  if (evidence.dmarc) {
    record.dmarc_result = std::string(mailauth::dmarc::to_string(evidence.dmarc->status));
  }
  if (!evidence.dkim) return;
  for (const auto* one : policy::told_signatures(*evidence.dkim, max_logged_signatures)) {
    std::string words(dkim::to_text(one->reported()));
    if (!one->signature.domain.empty()) {
      words += " " + one->signature.domain + "/" + one->signature.selector;
    }
    record.dkim_results.push_back(std::move(words));
  }
}

}  // namespace postern::deliver
