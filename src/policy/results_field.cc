#include "policy/results_field.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "mailauth/names.h"
#include "policy/questions/dkim.h"
#include "policy/questions/spf.h"

namespace postern::policy {

namespace {

namespace ar = mailauth::ar;
namespace arc = mailauth::arc;
namespace dkim = mailauth::dkim;
namespace dmarc = mailauth::dmarc;
namespace spf = mailauth::spf;

constexpr std::size_t longest_reason = 200;

void add(ar::MethodResult& result, const char* ptype, const char* property, std::string value) {
  if (value.empty()) return;
  result.properties.push_back({ptype, property, std::move(value)});
}

void explain(ar::MethodResult& result, std::string_view reason) {
  if (!reason.empty()) result.reason = printable(reason, longest_reason);
}

/// RFC 7489 §3.1.1, §3.1.2.
bool belongs(const Evidence& evidence, std::string_view domain, dmarc::Alignment mode) {
  const std::string author = author_domain(evidence);
  if (author.empty() || domain.empty()) return false;
  if (iequals(domain, author)) return true;
  if (mode == dmarc::Alignment::strict) return false;
  const auto normal = mailauth::normalize_domain(domain);
  const mailauth::SuffixList& suffixes = mailauth::SuffixList::system();
  return normal &&
         suffixes.organizational_domain(*normal) == suffixes.organizational_domain(author);
}

/// RFC 8601 §2.7.1; header.b as in RFC 6008 §4.
ar::MethodResult signature_result(const dkim::SignatureResult& one) {
  ar::MethodResult result{.method = "dkim", .result = std::string(dkim::to_text(one.reported()))};
  explain(result, trouble_of(one));
  const dkim::Signature& signature = one.signature;
  add(result, "header", "d", signature.domain);
  if (signature.identity != "@" + signature.domain) add(result, "header", "i", signature.identity);
  add(result, "header", "s", signature.selector);
  add(result, "header", "a", std::string(algorithm_of(one)));
  constexpr std::size_t told = 6;  // octets: eight characters of base64
  if (signature.value.size() > told)
    add(result, "header", "b", base64_encode(signature.value.substr(0, told)));
  return result;
}

}  // namespace

std::vector<const dkim::SignatureResult*> told_signatures(const dkim::Results& results,
                                                          std::size_t most) {
  const auto verified = [](const dkim::SignatureResult& one) {
    return one.status == dkim::Status::pass;
  };
  const auto& all = results.signatures;
  const auto passed = static_cast<std::size_t>(std::count_if(all.begin(), all.end(), verified));
  std::size_t others = most - std::min(most, passed);
  std::vector<const dkim::SignatureResult*> told;
  for (const dkim::SignatureResult& one : all) {
    if (told.size() == most) break;
    if (!verified(one) && others == 0) continue;
    if (!verified(one)) --others;
    told.push_back(&one);
  }
  return told;
}

std::string_view algorithm_of(const dkim::SignatureResult& one) {
  const bool known = !one.signature.domain.empty() && !one.signature.selector.empty() &&
                     one.reason != dkim::Reason::algorithm_unknown &&
                     one.reason != dkim::Reason::tag_missing;
  return known ? dkim::to_text(one.signature.algorithm) : std::string_view();
}

std::string_view trouble_of(const dkim::SignatureResult& one) {
  if (one.status != dkim::Status::pass) return dkim::to_text(one.reason);
  if (one.acceptable) return "";
  return one.testing               ? "the key is for tests only"
         : one.unsigned_octets > 0 ? "body octets are left unsigned"
         : one.uncovered_field     ? "a field was added that is not signed"
         : one.from_future         ? "signed in the future"
         : one.header_ambiguous    ? "the header has lines that are no fields"
                                   : "not exactly one From field";
}

std::string trouble_of(const arc::Verdict& verdict) {
  if (verdict.trouble.reason == arc::Reason::ok) return "";
  std::string text(arc::to_text(verdict.trouble.reason));
  if (verdict.trouble.instance != 0) text += fmt::format(", i={}", verdict.trouble.instance);
  if (verdict.trouble.detail != dkim::Reason::ok) {
    text += fmt::format(": {}", dkim::to_text(verdict.trouble.detail));
  }
  return text;
}

bool spf_by_helo(const Evidence& evidence) { return !evidence.reverse_path; }

std::string author_domain(const Evidence& evidence) {
  if (evidence.dmarc && !evidence.dmarc->from_domain.empty()) return evidence.dmarc->from_domain;
  return evidence.author && evidence.author->is_strict() ? evidence.author->domains.front() : "";
}

bool spf_aligned(const Evidence& evidence) {
  if (questions::spf(evidence).says != questions::Spf::Says::authorised) return false;
  const bool recorded = evidence.dmarc && evidence.dmarc->record;
  return belongs(evidence, evidence.spf->domain,
                 recorded ? evidence.dmarc->record->aspf : dmarc::Alignment::relaxed);
}

bool aligned(const Evidence& evidence, const dkim::SignatureResult& one) {
  if (questions::says(one) != questions::Dkim::Says::vouched) return false;
  const bool recorded = evidence.dmarc && evidence.dmarc->record;
  return belongs(evidence, one.signature.domain,
                 recorded ? evidence.dmarc->record->adkim : dmarc::Alignment::relaxed);
}

ar::MethodResult spf_result(const spf::Result& verdict, bool by_helo) {
  ar::MethodResult result{.method = "spf", .result = std::string(spf::to_string(verdict.status))};
  explain(result, verdict.reason);
  add(result, "smtp", by_helo ? "helo" : "mailfrom", verdict.domain);
  return result;
}

std::vector<ar::MethodResult> dkim_results(const dkim::Results& results, std::size_t most) {
  std::vector<ar::MethodResult> list;
  for (const dkim::SignatureResult* one : told_signatures(results, most)) {
    list.push_back(signature_result(*one));
  }
  return list;
}

ar::MethodResult dmarc_result(const dmarc::Result& verdict) {
  ar::MethodResult result{.method = "dmarc",
                          .result = std::string(dmarc::to_string(verdict.status))};
  explain(result, verdict.reason);
  add(result, "header", "from", verdict.from_domain);
  if (verdict.record) {
    add(result, "policy", "dmarc", std::string(dmarc::to_string(verdict.disposition)));
  }
  return result;
}

ar::MethodResult arc_result(const arc::Verdict& verdict, const IpAddress& client) {
  ar::MethodResult result{.method = "arc", .result = std::string(arc::to_text(verdict.status))};
  explain(result, trouble_of(verdict));
  if (verdict.status == arc::Status::none) return result;
  if (client.is_known()) add(result, "smtp", "remote-ip", client.to_string());
  if (verdict.status == arc::Status::pass) {
    add(result, "header", "oldest-pass", std::to_string(verdict.oldest_pass));
  }
  return result;
}

ar::MethodResult auth_result(const Authentication* auth) {
  ar::MethodResult result{.method = "auth", .result = auth != nullptr ? "pass" : "none"};
  if (auth != nullptr) add(result, "smtp", "auth", auth->username);
  return result;
}

namespace {

void add_dkim(const dkim::Results& results, std::vector<ar::MethodResult>& list) {
  if (results.signatures.empty()) {
    list.push_back({.method = "dkim", .result = std::string(dkim::to_text(results.overall()))});
    if (results.header_too_long) explain(list.back(), dkim::to_text(dkim::Reason::header_too_long));
  }
  for (ar::MethodResult& one : dkim_results(results, max_told_in_field)) {
    list.push_back(std::move(one));
  }
}

}  // namespace

ar::AuthenticationResults results_of(const Evidence& evidence, std::string_view authserv_id) {
  ar::AuthenticationResults results{.authserv_id = std::string(authserv_id)};
  if (evidence.spf) results.results.push_back(spf_result(*evidence.spf, spf_by_helo(evidence)));
  if (evidence.dkim) add_dkim(*evidence.dkim, results.results);
  if (evidence.dmarc) results.results.push_back(dmarc_result(*evidence.dmarc));
  if (evidence.arc) {
    results.results.push_back(arc_result(*evidence.arc, evidence.session.client_ip));
  }
  if (evidence.session.auth) results.results.push_back(auth_result(&*evidence.session.auth));
  return results;
}

}  // namespace postern::policy
