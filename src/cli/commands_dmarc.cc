#include <algorithm>
#include <ostream>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/text.h"
#include "cli/commands_mail.h"
#include "cli/json_text.h"
#include "cli/mail_dns.h"
#include "cli/mail_text.h"
#include "config/input_file.h"
#include "config/room_options.h"
#include "mailauth/names.h"

namespace postern::app {

namespace {

namespace dmarc = mailauth::dmarc;
namespace json = boost::json;

std::string address_list(const std::vector<std::string>& uris) {
  std::string out;
  for (const std::string& uri : uris) out += (out.empty() ? "" : ", ") + printable(uri, 300);
  return out.empty() ? "no address" : out;
}

std::string_view to_text(dmarc::Alignment alignment) {
  return alignment == dmarc::Alignment::strict ? "strict" : "relaxed";
}

/// The DMARC records at _dmarc.`domain`, unmodified.
std::vector<std::string> records_at(const std::string& domain,
                                    const std::vector<policy::DnsRecord>& answers) {
  std::vector<std::string> out;
  for (const policy::DnsRecord& one : answers) {
    if (one.question.name != "_dmarc." + domain) continue;
    for (const std::string& text : one.answer.records) {
      if (dmarc::Record::parse(text)) out.push_back(text);
    }
  }
  return out;
}

struct Remarks {
  std::vector<std::string> warnings;
  std::vector<std::string> notes;
};

void judge_policies(const dmarc::Record& record, Remarks& out) {
  using dmarc::Policy;
  const std::pair<std::string_view, const dmarc::PolicyTag*> tags[] = {
      {"p", &record.p}, {"sp", &record.sp}, {"np", &record.np}};
  for (const auto& [name, tag] : tags) {
    if (tag->present && !tag->policy) {
      out.warnings.push_back(fmt::format("{}= is not none, quarantine or reject", name));
    }
  }
  if (!record.p.present) out.warnings.emplace_back("there is no p=");
  if (record.p.policy == Policy::none) {
    out.warnings.emplace_back("p=none asks for reports only: forged mail is delivered");
  }
  const bool strict = record.p.policy && *record.p.policy != Policy::none;
  if (strict && record.sp.policy == Policy::none) {
    out.warnings.emplace_back("sp=none: mail that forges a subdomain is delivered");
  }
}

Remarks remarks_on_policy(const dmarc::Result& result) {
  Remarks out;
  const dmarc::Record& record = *result.record;
  judge_policies(record, out);
  if (record.pct < 100) {
    out.warnings.push_back(
        result.mode == dmarc::Mode::tree_walk
            ? fmt::format("pct={} is ignored since RFC 9989; t=y replaces it", record.pct)
            : fmt::format("pct={}: the policy applies to {} of 100 messages", record.pct,
                          record.pct));
  }
  if (record.testing)
    out.warnings.emplace_back("t=y: test mode, the policy is applied one step weaker");
  if (record.rua.empty()) out.notes.emplace_back("no rua=: no aggregate reports are sent");
  if (result.record_domain != result.from_domain) {
    out.notes.push_back(fmt::format("{} itself has no record", result.from_domain));
  }
  return out;
}

/// Several records at one name count as none (RFC 7489 §6.6.3); the result does not tell.
std::vector<std::string> several(const std::vector<policy::DnsRecord>& answers) {
  constexpr std::string_view prefix = "_dmarc.";
  std::vector<std::string> out;
  for (const policy::DnsRecord& one : answers) {
    if (!one.question.name.starts_with(prefix)) continue;
    const std::size_t n = records_at(one.question.name.substr(prefix.size()), answers).size();
    if (n > 1) {
      out.push_back(
          fmt::format("{} has {} DMARC records: receivers use none of them", one.question.name, n));
    }
  }
  return out;
}

/// The host of a `mailto:` address; empty for any other.
std::string report_host(std::string_view uri) {
  if (!istarts_with(uri, "mailto:")) return {};
  const std::size_t at = uri.rfind('@');
  if (at == std::string_view::npos) return {};
  std::string_view host = uri.substr(at + 1);
  host = host.substr(0, host.find_first_of("!?"));  // RFC 7489 §6.2: "!10m" limits the size
  return mailauth::normalize_domain(host).value_or("");
}

/// RFC 7489 §7.1: by this record, another organization accepts the reports.
mailauth::Evaluation<mailauth::Answer> ask_consent(std::string name) {
  const mailauth::Answer answer =
      co_await mailauth::Question{.name = std::move(name), .type = mailauth::RecordType::txt};
  co_return answer;
}

void judge_report_hosts(const dmarc::Result& result, MailDns& dns, Remarks& out) {
  const auto& suffixes = mailauth::SuffixList::system();
  const std::string own = suffixes.organizational_domain(result.record_domain);
  std::vector<std::string> asked;
  for (const auto* uris : {&result.record->rua, &result.record->ruf}) {
    for (const std::string& uri : *uris) {
      const std::string host = report_host(uri);
      if (host.empty() || suffixes.organizational_domain(host) == own) continue;
      const std::string name = result.record_domain + "._report._dmarc." + host;
      if (std::find(asked.begin(), asked.end(), name) != asked.end()) continue;
      asked.push_back(name);
      const mailauth::Answer answer = dns.resolve(ask_consent(name));
      const bool wanted = std::any_of(
          answer.records.begin(), answer.records.end(),
          [](const std::string& text) { return dmarc::Record::parse(text).has_value(); });
      if (wanted || answer.status == mailauth::Answer::Status::failure) continue;
      out.warnings.push_back(fmt::format("{} gets no reports: it has no record at {}", host, name));
    }
  }
}

struct DomainCheck {
  dmarc::Result result;
  std::string text;  ///< the record
  bool usable = false;
  Remarks remarks;
};

DomainCheck check_domain(const std::string& domain, dmarc::Mode mode, MailDns& dns) {
  DomainCheck out;
  out.result = dns.resolve(dmarc::evaluate({.from_domain = domain}, {.mode = mode}));
  // Without SPF and DKIM results, a usable record gives a fail.
  out.usable = out.result.status == dmarc::Status::fail;
  if (out.result.record) {
    const auto texts = records_at(out.result.record_domain, dns.records());
    if (!texts.empty()) out.text = texts.front();
    out.remarks = remarks_on_policy(out.result);
    judge_report_hosts(out.result, dns, out.remarks);
  }
  const auto more = several(dns.records());
  out.remarks.warnings.insert(out.remarks.warnings.begin(), more.begin(), more.end());
  return out;
}

std::string policy_words(const dmarc::Result& result) {
  const dmarc::Record& record = *result.record;
  const auto word = [](const dmarc::PolicyTag& tag, std::string_view otherwise) {
    if (!tag.present) return std::string(otherwise);
    return std::string(tag.policy ? dmarc::to_string(*tag.policy) : "(unknown)");
  };
  return fmt::format("p={}, sp={}, np={}", word(record.p, "(missing)"), word(record.sp, "(as p)"),
                     word(record.np, "(as sp)"));
}

std::string domain_text(const DomainCheck& check) {
  const dmarc::Result& result = check.result;
  std::string out;
  if (check.usable) {
    out = fmt::format("DMARC of {}: {}\n", result.from_domain, dmarc::to_string(result.policy));
  } else if (result.status == dmarc::Status::none) {
    out = fmt::format("DMARC of {}: none: {}\n", result.from_domain, result.reason);
  } else {
    out = fmt::format("DMARC of {}: {}: {}\n", result.from_domain, dmarc::to_string(result.status),
                      result.reason);
  }
  if (result.record) {
    const dmarc::Record& record = *result.record;
    out += fact("found at", "_dmarc." + result.record_domain);
    out += fact("record", printable(check.text));
    out += fact("policy", policy_words(result));
    out += fact("alignment",
                fmt::format("DKIM {}, SPF {}", to_text(record.adkim), to_text(record.aspf)));
    out += fact("reports", fmt::format("aggregate to {}, failures to {}", address_list(record.rua),
                                       address_list(record.ruf)));
  }
  for (const std::string& text : check.remarks.warnings) out += fact("warning", text);
  for (const std::string& text : check.remarks.notes) out += fact("note", text);
  return out;
}

json::array strings(const std::vector<std::string>& texts) {
  json::array out;
  for (const std::string& text : texts) out.push_back(policy::octets_json(text));
  return out;
}

json::object record_json(const dmarc::Record& record) {
  const auto word = [](const dmarc::PolicyTag& tag) {
    return tag.policy ? json::value(dmarc::to_string(*tag.policy)) : json::value(nullptr);
  };
  return {{"p", word(record.p)},          {"sp", word(record.sp)},
          {"np", word(record.np)},        {"adkim", to_text(record.adkim)},
          {"aspf", to_text(record.aspf)}, {"pct", record.pct},
          {"testing", record.testing},    {"rua", strings(record.rua)},
          {"ruf", strings(record.ruf)}};
}

json::object domain_json(const DomainCheck& check) {
  const dmarc::Result& result = check.result;
  return {{"domain", result.from_domain},
          {"result", check.usable ? std::string_view("found") : dmarc::to_string(result.status)},
          {"policy",
           check.usable ? json::value(dmarc::to_string(result.policy)) : json::value(nullptr)},
          {"record_domain", policy::or_null(result.record_domain)},
          {"org_domain", policy::or_null(result.org_domain)},
          {"record", policy::or_null(check.text)},
          {"tags", result.record ? json::value(record_json(*result.record)) : json::value(nullptr)},
          {"reason", policy::or_null(result.reason)},
          {"warnings", strings(check.remarks.warnings)},
          {"notes", strings(check.remarks.notes)}};
}

dmarc::Mode mode_for(const Arguments& arguments, const Config& config) {
  return arguments.has("--tree-walk") ? dmarc::Mode::tree_walk
                                      : authentication_options(config).dmarc;
}

int check_record(const Arguments& arguments, Streams& streams) {
  const bool as_json = arguments.has("--json");
  const auto domain = mailauth::normalize_domain(arguments.words.front());
  if (!domain) {
    return report_usage(
        {fmt::format("`{}` is not a domain name", printable(arguments.words.front(), 64)),
         "`postern dmarc check example.org`"},
        as_json, streams);
  }
  const std::optional<Config> config = load_for(arguments, streams, without_files(arguments));
  if (!config) return to_int(ExitCode::config);
  const auto dns = MailDns::open(arguments, *config, streams);
  if (!dns) return dns.error();
  const DomainCheck check = check_domain(*domain, mode_for(arguments, *config), **dns);
  const auto& records = (*dns)->records();
  if (as_json) {
    json::object out = domain_json(check);
    out["dns"] = policy::dns_json(records);
    streams.out << json_text(out) << '\n';
  } else if (!arguments.has("--quiet")) {
    streams.out << domain_text(check) << dns_text(records);
  }
  note_silence(records, arguments, streams);
  if (check.result.status == dmarc::Status::temperror) return to_int(ExitCode::try_again);
  return to_int(check.usable ? ExitCode::ok : ExitCode::no);
}

std::string dmarc_text(const dmarc::Result& result) {
  std::string out = fmt::format("DMARC {}", dmarc::to_string(result.status));
  if (!result.from_domain.empty()) out += fmt::format(": From {}", result.from_domain);
  if (!result.reason.empty()) out += fmt::format(": {}", printable(result.reason));
  out += "\n";
  if (!result.record) return out;
  out += fact("policy", fmt::format("{} of _dmarc.{}{}", dmarc::to_string(result.policy),
                                    result.record_domain,
                                    result.status == dmarc::Status::fail
                                        ? fmt::format("; asked for this message: {}",
                                                      dmarc::to_string(result.disposition))
                                        : ""));
  const auto word = [](bool aligned) { return aligned ? "aligned" : "not aligned"; };
  out += fact("vouching",
              fmt::format("SPF {}, DKIM {}", word(result.spf_aligned), word(result.dkim_aligned)));
  return out;
}

json::object message_json(const policy::Evidence& evidence, const std::string& field) {
  const dmarc::Result& result = *evidence.dmarc;
  return {{"result", dmarc::to_string(result.status)},
          {"domain", policy::or_null(result.from_domain)},
          {"policy",
           result.record ? json::value(dmarc::to_string(result.policy)) : json::value(nullptr)},
          {"disposition", dmarc::to_string(result.disposition)},
          {"record_domain", policy::or_null(result.record_domain)},
          {"spf_aligned", result.spf_aligned},
          {"dkim_aligned", result.dkim_aligned},
          {"reason", policy::or_null(result.reason)},
          {"spf", spf_json(*evidence.spf)},
          {"dkim", dkim_json(*evidence.dkim)},
          {"arc", arc_json(*evidence.arc)},
          {"authentication_results", policy::octets_json(field)},
          {"dns", policy::dns_json(evidence.dns)}};
}

/// Judges as the gateway does at the end of data.
policy::Evidence judge(const Envelope& envelope, const std::string& message,
                       const policy::AuthenticationOptions& options, MailDns& dns) {
  policy::Evidence evidence;
  evidence.session.client_ip = envelope.client;
  evidence.session.helo = envelope.helo;
  evidence.reverse_path = envelope.sender;
  policy::AuthenticationCaches caches;
  policy::MessageAuthentication authentication(options, caches, dns.resolver());
  authentication.begin(nullptr);
  authentication.feed(message);
  using policy::Need;
  dns.run(authentication.gather(Need::spf | Need::dkim | Need::dmarc | Need::arc, evidence));
  return evidence;
}

int check_message(const Arguments& arguments, Streams& streams) {
  const bool as_json = arguments.has("--json");
  if (const auto error = check_options(arguments, {"--message", "--ip", "--from"})) {
    return report_usage(*error, as_json, streams);
  }
  const auto envelope = read_envelope(arguments);
  if (!envelope) return report_usage(envelope.error(), as_json, streams);
  const std::optional<Config> config = load_for(arguments, streams, without_files(arguments));
  if (!config) return to_int(ExitCode::config);
  const auto text = read_message(arguments, arguments.value("--message"), streams);
  if (!text) return text.error();
  const auto dns = MailDns::open(arguments, *config, streams);
  if (!dns) return dns.error();
  policy::AuthenticationOptions options = authentication_options(*config);
  options.dmarc = mode_for(arguments, *config);
  const policy::Evidence found = judge(*envelope, with_crlf(*text), options, **dns);
  const std::string field = results_text(found, config->server.hostname);
  if (as_json) {
    streams.out << json_text(message_json(found, field)) << '\n';
  } else if (!arguments.has("--quiet")) {
    streams.out << spf_text(*found.spf, envelope->client) << dkim_text(*found.dkim)
                << dmarc_text(*found.dmarc) << arc_text(*found.arc) << dns_text(found.dns) << field;
  }
  note_silence(found.dns, arguments, streams);
  switch (found.dmarc->status) {
    case dmarc::Status::pass:
      return to_int(ExitCode::ok);
    case dmarc::Status::temperror:
      return to_int(ExitCode::try_again);
    default:
      return to_int(ExitCode::no);
  }
}

}  // namespace

int run_dmarc_check(const Arguments& arguments, Streams& streams) {
  const bool of_message = arguments.has("--message") || arguments.has("--ip") ||
                          arguments.has("--from") || arguments.has("--helo");
  if (of_message != arguments.words.empty()) {
    return report_usage({of_message ? "a domain and a message exclude each other" : "whose record?",
                         "`postern dmarc check example.org`, or --message FILE --ip IP --from "
                         "ADDRESS"},
                        arguments.has("--json"), streams);
  }
  return of_message ? check_message(arguments, streams) : check_record(arguments, streams);
}

}  // namespace postern::app
