#include "cli/mail_text.h"

#include <algorithm>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/text.h"
#include "mailauth/ar/write.h"
#include "policy/results_field.h"

namespace postern::app {

namespace json = boost::json;

namespace {

/// Longer texts of other parties are cut in text reports, but not in --json.
constexpr std::size_t longest_foreign_text = 1024;

std::string_view plural(std::uint64_t n) { return n == 1 ? "" : "s"; }

}  // namespace

std::string fact(std::string_view name, std::string_view value) {
  return fmt::format("  {:<11}{}\n", name, value);
}

namespace {

std::string_view words_for(dns::Status status) {
  switch (status) {
    case dns::Status::found:
      return "found";
    case dns::Status::no_data:
      return "no record of this type";
    case dns::Status::nx_domain:
      return "no such name";
    case dns::Status::server_failure:
      return "the servers failed";
    case dns::Status::timeout:
      return "no answer in time";
    case dns::Status::bogus:
      return "DNSSEC signatures are wrong";
  }
  return "";
}

}  // namespace

std::string dns_text(const std::vector<policy::DnsRecord>& records) {
  if (records.empty()) return {};
  std::string out = "DNS answers in the order asked:\n";
  for (const policy::DnsRecord& one : records) {
    out += fmt::format(
        "  {:<5}{}: {}{}{}\n", dns::to_string(one.question.type),
        printable(one.question.name, longest_foreign_text), words_for(one.answer.status),
        one.answer.secure ? ", DNSSEC secure" : "",
        one.answer.canonical_name.empty()
            ? ""
            : ", an alias of " + printable(one.answer.canonical_name, longest_foreign_text));
    for (const std::string& text : one.answer.records) {
      out += fmt::format("         {}\n", printable(text, longest_foreign_text));
    }
  }
  return out;
}

std::string spf_text(const mailauth::spf::Result& spf, const IpAddress& client) {
  using mailauth::spf::Status;
  std::string_view verb = "sending for";
  if (spf.status == Status::pass) verb = "may send for";
  if (spf.status == Status::fail) verb = "may not send for";
  if (spf.status == Status::softfail) verb = "probably may not send for";
  std::string out =
      fmt::format("SPF {}: {} {} {}\n", mailauth::spf::to_string(spf.status), client.to_string(),
                  verb, printable(spf.sender, longest_foreign_text));
  if (!spf.mechanism.empty()) {
    const std::string whose =
        spf.record_domain.empty() ? "" : fmt::format(" in the record of {}", spf.record_domain);
    out += fact("decided by", printable(spf.mechanism, longest_foreign_text) + whose);
  } else if (!spf.record_domain.empty() && spf.reason.empty()) {
    out += fact("decided by", fmt::format("no term of the record of {}", spf.record_domain));
  }
  if (!spf.reason.empty()) out += fact("reason", printable(spf.reason, longest_foreign_text));
  out += fact("spent", fmt::format("{} of {} terms that ask DNS, {} of {} void look-ups, {} "
                                   "question{}",
                                   spf.lookup_terms, mailauth::spf::max_lookup_terms,
                                   spf.void_terms, mailauth::spf::max_void_terms, spf.queries,
                                   plural(static_cast<std::uint64_t>(spf.queries))));
  if (!spf.explanation.empty()) {
    // RFC 7208 §11.5: the explanation is untrusted text.
    out += fact("they say", fmt::format("\"{}\" ({}'s own words)", printable(spf.explanation, 300),
                                        printable(spf.domain, 300)));
  }
  return out;
}

json::object spf_json(const mailauth::spf::Result& spf) {
  return {{"result", mailauth::spf::to_string(spf.status)},
          {"identity", mailauth::spf::to_string(spf.identity)},
          {"domain", policy::octets_json(spf.domain)},
          {"sender", policy::octets_json(spf.sender)},
          {"mechanism", policy::or_null(spf.mechanism)},
          {"record_domain", policy::or_null(spf.record_domain)},
          {"explanation", policy::or_null(spf.explanation)},
          {"reason", policy::or_null(spf.reason)},
          {"lookup_terms", spf.lookup_terms},
          {"void_terms", spf.void_terms},
          {"questions", spf.queries}};
}

namespace {

/// Why a valid signature does not authenticate the message; empty: it does.
std::vector<std::string> objections(const mailauth::dkim::SignatureResult& one,
                                    std::size_t from_fields) {
  std::vector<std::string> out;
  if (one.unsigned_octets > 0) {
    out.push_back(fmt::format("l= leaves {} octet{} of the body unsigned", one.unsigned_octets,
                              plural(one.unsigned_octets)));
  }
  if (one.testing) out.emplace_back("the key is being tested (t=y)");
  if (one.uncovered_field) {
    out.emplace_back("a visible field occurs more often than it is signed");
  }
  if (one.from_future) out.emplace_back("t= is in the future");
  if (one.header_ambiguous) out.emplace_back("the header has lines that are not fields");
  if (from_fields != 1) out.push_back(fmt::format("the message has {} From fields", from_fields));
  return out;
}

std::string signature_head(const mailauth::dkim::SignatureResult& one, std::size_t from_fields) {
  std::string out(mailauth::dkim::to_text(one.status));
  if (one.status != mailauth::dkim::Status::pass) {
    return out + fmt::format(": {}", mailauth::dkim::to_text(one.reason));
  }
  if (one.acceptable) return out + ", acceptable";
  return fmt::format("{}, but not acceptable: {}", out,
                     fmt::join(objections(one, from_fields), "; "));
}

/// "from x2, to, subject": the names in h= with their counts.
std::string signed_fields(const std::vector<std::string>& names) {
  std::vector<std::string> out;
  std::vector<std::string> seen;
  for (const std::string& name : names) {
    if (std::find(seen.begin(), seen.end(), lower(name)) != seen.end()) continue;
    seen.push_back(lower(name));
    const auto times = std::count_if(
        names.begin(), names.end(), [&](const std::string& other) { return iequals(name, other); });
    out.push_back(times > 1 ? fmt::format("{} x{}", lower(name), times) : lower(name));
  }
  return fmt::to_string(fmt::join(out, ", "));
}

std::string signature_times(const mailauth::dkim::Signature& signature) {
  std::string out;
  if (signature.signed_at) out += "signed " + time_text(*signature.signed_at);
  if (signature.expires_at) {
    out += fmt::format("{}expires {}", out.empty() ? "" : ", ", time_text(*signature.expires_at));
  }
  return out;
}

}  // namespace

std::string dkim_text(const mailauth::dkim::Results& results) {
  if (results.header_too_long) return "DKIM permerror: the header is too long to be looked at\n";
  if (results.signatures.empty()) return "DKIM none: the message has no DKIM-Signature\n";
  std::string out;
  for (std::size_t i = 0; i < results.signatures.size(); ++i) {
    const mailauth::dkim::SignatureResult& one = results.signatures[i];
    const mailauth::dkim::Signature& signature = one.signature;
    out += fmt::format("DKIM signature {} of {}: {}\n", i + 1, results.signatures.size(),
                       signature_head(one, results.from_fields));
    if (!signature.domain.empty()) {
      out += fact("domain", fmt::format("d={} s={}", signature.domain, signature.selector));
      out += fact("identity", "i=" + printable(signature.identity, longest_foreign_text));
    }
    const std::string_view algorithm = policy::algorithm_of(one);
    if (!algorithm.empty()) {
      const std::string bits =
          one.key_bits > 0 ? fmt::format(", key of {} bits", one.key_bits) : std::string();
      out += fact("algorithm", std::string(algorithm) + bits);
    }
    if (!signature.fields.empty()) {
      out += fact("covers", printable(signed_fields(signature.fields), longest_foreign_text));
      out += fact(
          "", fmt::format("{} of the body; {}",
                          signature.length ? fmt::format("the first {} octets", *signature.length)
                                           : std::string("all"),
                          mailauth::dkim::to_text(signature.forms)));
    }
    const std::string times = signature_times(signature);
    if (!times.empty()) out += fact("time", times);
  }
  return out;
}

json::array dkim_json(const mailauth::dkim::Results& results) {
  json::array out;
  const auto time_or_null = [](const std::optional<std::int64_t>& time) {
    return time ? json::value(*time) : json::value(nullptr);
  };
  for (const mailauth::dkim::SignatureResult& one : results.signatures) {
    const mailauth::dkim::Signature& signature = one.signature;
    json::array fields;
    for (const std::string& name : signature.fields) fields.push_back(policy::octets_json(name));
    json::array why_not;
    if (one.status == mailauth::dkim::Status::pass) {
      for (std::string& text : objections(one, results.from_fields)) {
        why_not.emplace_back(std::move(text));
      }
    }
    out.push_back(json::object{
        {"result", mailauth::dkim::to_text(one.status)},
        {"reported", mailauth::dkim::to_text(one.reported())},
        {"reason", mailauth::dkim::to_text(one.reason)},
        {"acceptable", one.acceptable},
        {"objections", std::move(why_not)},
        {"domain", policy::or_null(signature.domain)},
        {"selector", policy::or_null(signature.selector)},
        {"identity", policy::or_null(signature.identity)},
        {"algorithm", policy::or_null(policy::algorithm_of(one))},
        {"key_bits", one.key_bits},
        {"canonicalization", mailauth::dkim::to_text(signature.forms)},
        {"signed_headers", std::move(fields)},
        {"body_length", signature.length ? json::value(*signature.length) : json::value(nullptr)},
        {"unsigned_octets", one.unsigned_octets},
        {"signed_at", time_or_null(signature.signed_at)},
        {"expires_at", time_or_null(signature.expires_at)},
        {"testing", one.testing}});
  }
  return out;
}

std::string arc_text(const mailauth::arc::Verdict& verdict) {
  using mailauth::arc::Status;
  std::string out = fmt::format("ARC {}", mailauth::arc::to_text(verdict.status));
  if (verdict.status == Status::none) return out + ": the message has no ARC chain\n";
  if (verdict.status == Status::pass) {
    out += fmt::format(": {} set{}, sealed by {}\n", verdict.instance, plural(verdict.instance),
                       fmt::join(verdict.sealers, ", "));
    if (verdict.unsigned_octets > 0) {
      out += fact("objection",
                  fmt::format("l= leaves {} octets of the body unsigned", verdict.unsigned_octets));
    }
    return out;
  }
  out += fmt::format(": {}", mailauth::arc::to_text(verdict.trouble.reason));
  if (verdict.trouble.detail != mailauth::dkim::Reason::ok) {
    out += fmt::format(", {}", mailauth::dkim::to_text(verdict.trouble.detail));
  }
  if (verdict.trouble.instance > 0) out += fmt::format(" (set {})", verdict.trouble.instance);
  return out + "\n";
}

json::object arc_json(const mailauth::arc::Verdict& verdict) {
  const mailauth::arc::Reason reason = verdict.trouble.reason;
  json::array sealers;
  for (const std::string& domain : verdict.sealers) sealers.emplace_back(domain);
  return {{"result", mailauth::arc::to_text(verdict.status)},
          {"reason", reason == mailauth::arc::Reason::ok ? json::value(nullptr)
                                                         : json::value(to_text(reason))},
          {"detail", mailauth::dkim::to_text(verdict.trouble.detail)},
          {"instance", verdict.instance},
          {"oldest_pass", verdict.oldest_pass},
          {"sealers", std::move(sealers)},
          {"unsigned_octets", verdict.unsigned_octets}};
}

std::string results_text(const policy::Evidence& evidence, const std::string& hostname) {
  mailauth::ar::AuthenticationResults results = policy::results_of(evidence, hostname);
  if (evidence.session.client_ip == IpAddress()) {
    for (mailauth::ar::MethodResult& one : results.results) {
      std::erase_if(one.properties, [](const mailauth::ar::Property& property) {
        return property.property == "remote-ip";
      });
    }
  }
  std::string out = mailauth::ar::write_field(results);
  std::erase(out, '\r');
  return out;
}

}  // namespace postern::app
