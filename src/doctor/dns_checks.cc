#include "doctor/dns_checks.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.h"
#include "mailauth/dkim/same_key.h"
#include "mailauth/dmarc/record.h"
#include "mailauth/names.h"
#include "mailauth/spf/check_host.h"
#include "mailauth/spf/macro.h"
#include "policy/authentication.h"

namespace postern::doctor {

namespace {

using dns::Type;

/// Collects the findings of one check.
class Report {
 public:
  Report(std::string_view check, const Ask& ask) : check_(check), ask_(ask) {}

  void add(Level level, std::string what, std::string to_do = {}) {
    found_.push_back({level, std::string(check_), std::move(what), std::move(to_do)});
  }
  /// The answer; nullopt after a failure, which becomes a finding.
  std::optional<dns::Answer> ask(const std::string& name, Type type) {
    dns::Answer answer = ask_({name, type});
    if (!answer.trouble()) return answer;
    if (answer.status == dns::Status::bogus) {
      add(Level::fail, fmt::format("{} {} fails DNSSEC validation", name, dns::to_string(type)),
          "correct the signatures of the zone, or its DS record");
    } else {
      add(Level::note,
          fmt::format("{} {} was not looked at: {}", name, dns::to_string(type),
                      answer.status == dns::Status::timeout ? "no answer from DNS"
                                                            : "the name servers report a failure"),
          "postern doctor --check dnssec");
    }
    return std::nullopt;
  }
  template <class T>
  T resolve(mailauth::Evaluation<T> evaluation) {
    while (const mailauth::Question* question = evaluation.next()) {
      evaluation.feed(
          policy::to_mailauth(ask_({question->name, static_cast<Type>(question->type)})));
    }
    return evaluation.result();
  }
  Findings take() { return std::move(found_); }

 private:
  const std::string_view check_;
  const Ask& ask_;
  Findings found_;
};

bool has(const std::vector<std::string>& list, const std::string& one) {
  return std::ranges::find(list, one) != list.end();
}

std::string joined(const std::vector<std::string>& list) {
  return printable(fmt::format("{}", fmt::join(list, ", ")), 300);
}

/// What to publish: the record of `all` for this name and type.
std::string publish(const DnsFacts& facts, const std::string& name, std::string_view type) {
  for (const Record& one : records_for(facts)) {
    if (one.name == name && one.type == type) return "publish `" + zone_line(one) + "`";
  }
  return "publish the record";
}

bool no_addresses(const DnsFacts& facts, Report& report) {
  if (!facts.addresses.empty()) return false;
  report.add(Level::note, "not looked at: the public address of the gateway is not known",
             "name it with --address IP");
  return true;
}

bool no_domains(const DnsFacts& facts, Report& report) {
  if (!facts.domains.empty()) return false;
  report.add(Level::note, "not looked at: no domain is known", "name one with --domain NAME");
  return true;
}

/// Both address types of a name; nullopt if one could not be asked.
std::optional<std::vector<std::string>> addresses_of(const std::string& name, Report& report) {
  std::vector<std::string> all;
  for (const Type type : {Type::a, Type::aaaa}) {
    const auto answer = report.ask(name, type);
    if (!answer) return std::nullopt;
    all.insert(all.end(), answer->records.begin(), answer->records.end());
  }
  return all;
}

/// Our addresses may match early in a record that is invalid for all others: receivers of mail from
/// elsewhere, and programs that look at the whole record, get `permerror` (RFC 7208 §4.6.4).
void check_spf_terms(const std::string& domain, const DnsFacts& facts, Report& report) {
  // Reserved (RFC 1112 §4): no record has it.
  static const IpAddress nobody = IpAddress::parse("240.0.0.1").value();
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  const mailauth::spf::Result spf = report.resolve(mailauth::spf::check_host(
      {.client = nobody, .helo = facts.hostname, .mail_from = "postmaster@" + domain},
      {.want_explanation = false, .receiver = facts.hostname, .now = now}));
  const bool too_many = spf.status == mailauth::spf::Status::permerror &&
                        spf.lookup_terms >= mailauth::spf::max_lookup_terms;
  if (!too_many) return;
  report.add(Level::warn,
             fmt::format("the SPF record of {} needs more than {} DNS look-ups: it is invalid for "
                         "hosts that it names late, or not at all",
                         domain, mailauth::spf::max_lookup_terms),
             "write `ip4:` and `ip6:` in place of `include:`, `a` and `mx`");
}

/// `absent`: how bad it is to have no record.
void check_spf_of(const std::string& domain, const std::vector<IpAddress>& addresses, Level absent,
                  const DnsFacts& facts, Report& report) {
  using mailauth::spf::Status;
  std::vector<std::string> passed;
  for (const IpAddress& address : addresses) {
    const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
    const mailauth::spf::Result spf = report.resolve(mailauth::spf::check_host(
        {.client = address, .helo = facts.hostname, .mail_from = "postmaster@" + domain},
        {.want_explanation = false, .receiver = facts.hostname, .now = now}));
    const std::string from = address.to_string();
    switch (spf.status) {
      case Status::pass:
        passed.push_back(from);
        break;
      case Status::none:
        return report.add(absent, fmt::format("{} has no SPF record", domain),
                          publish(facts, domain, "TXT"));
      case Status::temperror:
        return report.add(Level::note,
                          fmt::format("{} was not looked at: no answer from DNS", domain),
                          "postern doctor --check dnssec");
      case Status::permerror:
        return report.add(
            Level::fail,
            fmt::format("the SPF record of {} is invalid: {}", domain, printable(spf.reason, 200)),
            fmt::format("postern spf check --ip {} --from {}", from, domain));
      default:
        report.add(Level::fail,
                   fmt::format("mail of {} from {} gets SPF {}", domain, from,
                               mailauth::spf::to_string(spf.status)),
                   fmt::format("add `ip{}:{}` to the SPF record of {}", address.is_v4() ? 4 : 6,
                               from, domain));
    }
  }
  if (passed.empty()) return;
  report.add(Level::ok, fmt::format("mail of {} from {} gets SPF pass", domain, joined(passed)));
  check_spf_terms(domain, facts, report);
}

/// Delivery reports have no sender but the hostname in EHLO (RFC 7208 §2.4). A source address of a
/// pool may have a name of its own there: only those count that DNS gives to the hostname.
void check_spf_of_hostname(const DnsFacts& facts, Report& report) {
  if (facts.hostname.empty() || has(facts.domains, facts.hostname)) return;
  std::vector<IpAddress> addresses = facts.addresses;
  if (!facts.source_names.empty()) {
    const auto found = addresses_of(facts.hostname, report);
    if (!found) return;
    std::erase_if(addresses, [&](const IpAddress& one) { return !has(*found, one.to_string()); });
  }
  check_spf_of(facts.hostname, addresses, Level::note, facts, report);
}

}  // namespace

Findings check_addresses(const DnsFacts& facts, const Ask& ask) {
  Report report("address", ask);
  const auto found = addresses_of(facts.hostname, report);
  if (!found) return report.take();
  if (found->empty()) {
    report.add(Level::fail, fmt::format("{} has no address in DNS", facts.hostname),
               facts.addresses.empty() ? "publish an A record, or correct server.hostname"
                                       : publish(facts, facts.hostname,
                                                 facts.addresses.front().is_v4() ? "A" : "AAAA"));
    return report.take();
  }
  if (no_addresses(facts, report)) return report.take();
  std::vector<std::string> ours;
  for (const IpAddress& address : facts.addresses) ours.push_back(address.to_string());
  std::vector<std::string> missing;
  std::vector<std::string> foreign;
  for (const std::string& one : ours) {
    if (!has(*found, one)) missing.push_back(one);
  }
  for (const std::string& one : *found) {
    if (!has(ours, one)) foreign.push_back(one);
  }
  if (!foreign.empty()) {
    report.add(
        Level::fail,
        fmt::format("{} is {} in DNS, which this gateway does not have", facts.hostname,
                    joined(foreign)),
        "remove the record; if a proxy or NAT forwards, name its address in relay.proxy_addresses");
  }
  if (!missing.empty()) {
    // Source addresses of a pool need not be those of the hostname.
    report.add(
        missing.size() < ours.size() ? Level::note : Level::warn,
        fmt::format("{} is not {} in DNS, which this gateway has", facts.hostname, joined(missing)),
        "publish the address, or send from another one (docs/relay.md)");
  }
  if (foreign.empty() && missing.empty()) {
    report.add(Level::ok, fmt::format("{} is {}", facts.hostname, joined(ours)));
  }
  return report.take();
}

Findings check_reverse(const DnsFacts& facts, const Ask& ask) {
  Report report("ptr", ask);
  if (no_addresses(facts, report)) return report.take();
  for (const IpAddress& address : facts.addresses) {
    const std::string text = address.to_string();
    const auto names = report.ask(mailauth::spf::reverse_name(address), Type::ptr);
    if (!names) continue;
    if (names->records.empty()) {
      report.add(Level::fail, fmt::format("{} has no PTR record", text),
                 fmt::format("ask the provider of the address for the name {}", facts.hostname));
      continue;
    }
    const auto name = std::ranges::find_if(names->records, [&](const std::string& each) {
      return each == facts.hostname || has(facts.source_names, each);
    });
    if (name == names->records.end()) {
      report.add(Level::warn,
                 fmt::format("{} is called {}, and the gateway calls itself {}", text,
                             joined(names->records), facts.hostname),
                 fmt::format("ask the provider of the address for the name {}", facts.hostname));
      continue;
    }
    const auto forward = addresses_of(*name, report);
    if (!forward) continue;
    if (!has(*forward, text)) {
      report.add(
          Level::fail, fmt::format("{} is called {}, which has not that address", text, *name),
          fmt::format("publish `{}. IN {} {}`", *name, address.is_v4() ? "A" : "AAAA", text));
      continue;
    }
    report.add(Level::ok, fmt::format("{} is called {}, and back", text, *name));
  }
  return report.take();
}

Findings check_mx(const DnsFacts& facts, const Ask& ask) {
  Report report("mx", ask);
  if (no_domains(facts, report)) return report.take();
  for (const std::string& domain : facts.domains) {
    const auto answer = report.ask(domain, Type::mx);
    if (!answer) continue;
    std::vector<std::string> hosts;
    for (const std::string& one : answer->records) {
      hosts.push_back(lower(one.substr(std::min(one.size(), one.find(' ') + 1))));
    }
    if (has(hosts, facts.hostname)) {
      report.add(Level::ok, fmt::format("mail for {} comes to {}", domain, facts.hostname));
    } else if (hosts.empty()) {
      report.add(Level::fail, fmt::format("{} has no MX record", domain),
                 publish(facts, domain, "MX"));
    } else {
      report.add(
          Level::warn,
          fmt::format("mail for {} goes to {}, not to {}", domain, joined(hosts), facts.hostname),
          publish(facts, domain, "MX"));
    }
  }
  return report.take();
}

Findings check_spf(const DnsFacts& facts, const Ask& ask) {
  Report report("spf", ask);
  if (no_addresses(facts, report)) return report.take();
  if (!no_domains(facts, report)) {
    for (const std::string& domain : facts.domains) {
      check_spf_of(domain, facts.addresses, Level::warn, facts, report);
    }
  }
  check_spf_of_hostname(facts, report);
  return report.take();
}

Findings check_dkim(const DnsFacts& facts, const Ask& ask) {
  namespace dkim = mailauth::dkim;
  Report report("dkim", ask);
  if (facts.dkim.empty()) {
    report.add(Level::note, "no key is known: outgoing mail is not signed, or no gateway was asked",
               "postern dkim keys");
  }
  for (const DkimKey& key : facts.dkim) {
    const std::string name = fmt::format("{}._domainkey.{}", key.selector, key.domain);
    const dkim::ParsedKey published = report.resolve(dkim::find_key(name, nullptr));
    if (!published && published.error() == dkim::Reason::key_unavailable) {
      report.add(Level::note, fmt::format("{} was not looked at: no answer from DNS", name),
                 "postern doctor --check dnssec");
    } else if (!published) {
      report.add(
          Level::fail,
          fmt::format("the key {} cannot be used: {}", name, dkim::to_text(published.error())),
          publish(facts, name, "TXT"));
    } else if (!dkim::same_key(**published, key.record)) {
      report.add(Level::fail, fmt::format("{} has another key than the one that signs", name),
                 publish(facts, name, "TXT"));
    } else {
      report.add(Level::ok, fmt::format("{} has the key that signs", name));
    }
  }
  return report.take();
}

namespace {

/// The DMARC records at _dmarc.`domain`; nullopt: the question failed.
std::optional<std::vector<mailauth::dmarc::Record>> dmarc_records(const std::string& domain,
                                                                  Report& report) {
  const auto answer = report.ask("_dmarc." + domain, Type::txt);
  if (!answer) return std::nullopt;
  std::vector<mailauth::dmarc::Record> out;
  for (const std::string& text : answer->records) {
    if (auto record = mailauth::dmarc::Record::parse(text)) out.push_back(std::move(*record));
  }
  return out;
}

void check_dmarc_of(const std::string& domain, const DnsFacts& facts, Report& report) {
  using mailauth::dmarc::Policy;
  auto found = dmarc_records(domain, report);
  const std::string above = mailauth::SuffixList::system().organizational_domain(domain);
  if (found && found->empty() && above != domain) found = dmarc_records(above, report);
  if (!found) return;
  if (found->size() > 1) {
    return report.add(Level::fail,
                      fmt::format("{} has several DMARC records, so none counts", domain),
                      "leave one of them");
  }
  if (found->empty()) {
    return report.add(Level::warn, fmt::format("{} has no DMARC record", domain),
                      publish(facts, "_dmarc." + domain, "TXT"));
  }
  const std::optional<Policy> policy = found->front().p.policy;
  if (!policy) {
    report.add(Level::warn, fmt::format("the DMARC record of {} has no valid p=", domain),
               fmt::format("postern dmarc check {}", domain));
  } else if (*policy == Policy::none) {
    report.add(
        Level::note,
        fmt::format("{} has p=none: it asks for reports, and forged mail is delivered", domain),
        "once the reports show none of your own mail, publish p=reject");
  } else {
    report.add(Level::ok, fmt::format("{} has p={}", domain, mailauth::dmarc::to_string(*policy)));
  }
}

}  // namespace

Findings check_dmarc(const DnsFacts& facts, const Ask& ask) {
  Report report("dmarc", ask);
  if (no_domains(facts, report)) return report.take();
  for (const std::string& domain : facts.domains) check_dmarc_of(domain, facts, report);
  return report.take();
}

namespace {

/// Records of `name` that begin with `version`: one is right, none is possible.
void check_single_text(const std::string& name, std::string_view version, std::string_view absent,
                       Report& report, const std::string& to_do) {
  const auto answer = report.ask(name, Type::txt);
  if (!answer) return;
  const auto n = std::ranges::count_if(
      answer->records, [&](const std::string& one) { return one.starts_with(version); });
  if (n == 1) {
    report.add(Level::ok, fmt::format("{} has a {} record", name, version));
  } else if (n == 0) {
    report.add(Level::note, fmt::format("{} has no {} record: {}", name, version, absent), to_do);
  } else {
    report.add(Level::warn, fmt::format("{} has several {} records, so none counts", name, version),
               "leave one of them");
  }
}

}  // namespace

Findings check_mta_sts(const DnsFacts& facts, const Ask& ask) {
  Report report("mta-sts", ask);
  if (no_domains(facts, report)) return report.take();
  for (const std::string& domain : facts.domains) {
    check_single_text("_mta-sts." + domain, "v=STSv1", "senders without DANE do not insist on TLS",
                      report, "see docs/dns-records.md");
  }
  return report.take();
}

Findings check_dns_lists(const std::vector<std::string>& zones, const Ask& ask) {
  Report report("dns-lists", ask);
  if (zones.empty()) {
    report.add(Level::note, "not looked at: the configuration asks no list of addresses");
    return report.take();
  }
  for (const std::string& zone : zones) {
    // Every list has 127.0.0.2, and never 127.0.0.1 (RFC 5782 §5).
    const auto listed = report.ask("2.0.0.127." + zone, Type::a);
    if (!listed) continue;
    const auto unlisted = report.ask("1.0.0.127." + zone, Type::a);
    if (!unlisted) continue;
    const auto refuses = [](const dns::Answer& answer) {
      return std::ranges::any_of(
          answer.records, [](const std::string& one) { return one.starts_with("127.255.255."); });
    };
    if (refuses(*listed) || refuses(*unlisted)) {
      report.add(Level::fail,
                 fmt::format("{} answers {}: it refuses the questions of this resolver", zone,
                             joined(listed->records)),
                 "use a resolver of your own: unbound, and dns.servers");
    } else if (!unlisted->records.empty()) {
      report.add(Level::fail, fmt::format("{} lists every address: it is given up", zone),
                 "remove it from the restriction lists");
    } else if (listed->records.empty()) {
      report.add(Level::fail,
                 fmt::format("{} does not list the address for tests: it is given up, or refuses "
                             "the questions of this resolver",
                             zone),
                 "use a resolver of your own, or remove the list from the restriction lists");
    } else {
      report.add(Level::ok, fmt::format("{} answers", zone));
    }
  }
  return report.take();
}

Findings check_tls_reports(const DnsFacts& facts, const Ask& ask) {
  Report report("tls-rpt", ask);
  if (no_domains(facts, report)) return report.take();
  for (const std::string& domain : facts.domains) {
    check_single_text("_smtp._tls." + domain, "v=TLSRPTv1", "nobody reports when TLS fails", report,
                      "see docs/dns-records.md");
  }
  return report.take();
}

Findings check_tlsa(const DnsFacts& facts, const Ask& ask) {
  Report report("tlsa", ask);
  const std::string name = "_25._tcp." + facts.hostname;
  const auto answer = report.ask(name, Type::tlsa);
  if (!answer) return report.take();
  if (answer->records.empty()) {
    report.add(Level::note, fmt::format("{} has no TLSA record: senders do not use DANE", name),
               "in a zone that is signed with DNSSEC, " + publish(facts, name, "TLSA"));
    return report.take();
  }
  if (facts.key_digests.empty()) {
    report.add(Level::note, "not looked at: no certificate of the gateway can be read",
               "postern doctor --check certificate");
    return report.take();
  }
  const auto ours = [&](const std::string& record) {
    return record.starts_with("3 1 1 ") && has(facts.key_digests, lower(record.substr(6)));
  };
  const bool comparable = std::ranges::all_of(
      answer->records, [](const std::string& one) { return one.starts_with("3 1 1 "); });
  if (std::ranges::any_of(answer->records, ours)) {
    if (answer->secure) {
      report.add(Level::ok, fmt::format("{} has the key of the certificate", name));
    } else {
      report.add(Level::warn,
                 fmt::format("{} has the key of the certificate, but the answer is "
                             "not secure: senders ignore it",
                             name),
                 "sign the zone with DNSSEC, or see `postern doctor --check dnssec`");
    }
  } else if (comparable) {
    report.add(answer->secure ? Level::fail : Level::warn,
               fmt::format("{} does not have the key of the certificate", name),
               publish(facts, name, "TLSA") + ", and keep the old record for two TTL");
  } else {
    report.add(Level::warn,
               fmt::format("{} has records that are not `3 1 1` (RFC 7672 §3.1.1), "
                           "which are not compared",
                           name),
               publish(facts, name, "TLSA"));
  }
  return report.take();
}

}  // namespace postern::doctor
