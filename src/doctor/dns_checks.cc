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
#include "relay/tls_policy.h"

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

/// What to publish: the record of this name, type and end.
std::string publish(const DnsFacts& facts, const std::string& name, std::string_view type,
                    std::string_view end = {}) {
  for (const Record& one : records_for(facts)) {
    if (one.name != name || one.type != type || !one.value.ends_with(end)) continue;
    return "publish `" + zone_line(one) + "`";
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

/// The host names of MX records.
std::vector<std::string> hosts_of(const dns::Answer& answer) {
  std::vector<std::string> hosts;
  for (const std::string& one : answer.records) {
    hosts.push_back(lower(one.substr(std::min(one.size(), one.find(' ') + 1))));
  }
  return hosts;
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
    const std::vector<std::string> hosts = hosts_of(*answer);
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

/// Whether the hosts that reports go to agree to get them (RFC 7489 §7.1): otherwise none come.
void check_report_hosts(const std::string& domain, const mailauth::dmarc::Record& record,
                        Report& report) {
  const auto& suffixes = mailauth::SuffixList::system();
  for (const std::string& uri : record.rua) {
    const std::size_t at = uri.rfind('@');
    if (!istarts_with(uri, "mailto:") || at == std::string::npos) continue;
    const std::string host = lower(uri.substr(at + 1, uri.find('!', at) - at - 1));
    if (suffixes.organizational_domain(host) == suffixes.organizational_domain(domain)) continue;
    const std::string name = fmt::format("{}._report._dmarc.{}", domain, host);
    const auto answer = report.ask(name, Type::txt);
    if (!answer) continue;
    const bool agrees = std::ranges::any_of(answer->records, [](const std::string& one) {
      return mailauth::dmarc::Record::parse(one).has_value();
    });
    if (agrees) continue;
    report.add(Level::warn,
               fmt::format("reports on {} go to {}, which does not agree to get them", domain,
                           printable(host, 100)),
               fmt::format("publish `{}. IN TXT \"v=DMARC1\"`", printable(name, 300)));
  }
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
  check_report_hosts(domain, found->front(), report);
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

/// Records of `name` that begin with `version`: one is right, none is possible. True: there is one.
bool check_single_text(const std::string& name, std::string_view version, std::string_view absent,
                       Report& report, const std::string& to_do) {
  const auto answer = report.ask(name, Type::txt);
  if (!answer) return false;
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
  return n == 1;
}

void judge_sts_policy(const std::string& domain, const relay::StsPolicy& policy,
                      const DnsFacts& facts, Report& report) {
  using Mode = relay::StsPolicy::Mode;
  constexpr std::uint32_t day = 86400;
  if (policy.mode == Mode::none) {
    report.add(Level::note, fmt::format("the policy of {} has `mode: none`", domain),
               "remove the record, or publish `mode: testing`");
    return;
  }
  const auto mx = report.ask(domain, Type::mx);
  if (!mx) return;
  std::vector<std::string> hosts = hosts_of(*mx);
  if (hosts.empty()) hosts.push_back(facts.hostname);
  std::erase_if(hosts, [&](const std::string& host) { return sts_allows(policy, host); });
  if (!hosts.empty()) {
    report.add(policy.mode == Mode::enforce ? Level::fail : Level::warn,
               fmt::format("the policy of {} does not allow {}: senders {}", domain, joined(hosts),
                           policy.mode == Mode::enforce ? "do not deliver there"
                                                        : "would not deliver there"),
               fmt::format("add `mx: {}` to the policy, then change the id of the record",
                           printable(hosts.front(), 255)));
    return;
  }
  if (policy.max_age < day) {
    report.add(Level::warn,
               fmt::format("the policy of {} is kept for {} s: it protects hardly any mail", domain,
                           policy.max_age),
               "publish `max_age: 604800`");
    return;
  }
  if (policy.mode == Mode::testing) {
    report.add(Level::note,
               fmt::format("the policy of {} has `mode: testing`: senders do not insist on TLS yet",
                           domain),
               "once TLS reports show no failure, publish `mode: enforce`");
    return;
  }
  report.add(Level::ok, fmt::format("the policy of {} allows its MX hosts", domain));
}

void check_sts_policy(const std::string& domain, const DnsFacts& facts, const Fetch& fetch,
                      Report& report) {
  constexpr int success = 200;
  const std::string url = fmt::format("https://mta-sts.{}/.well-known/mta-sts.txt", domain);
  const Fetched file = fetch(url);
  const std::string to_do =
      "see docs/dns-records.md, MTA-STS; senders ignore the record until then";
  if (!file.trouble.empty() || file.status != success) {
    report.add(Level::warn,
               fmt::format("{} cannot be fetched: {}", url,
                           file.trouble.empty() ? fmt::format("status {}", file.status)
                                                : printable(file.trouble, 200)),
               to_do);
    return;
  }
  const auto policy = relay::parse_sts_policy(file.text);
  if (!policy) {
    report.add(Level::warn, fmt::format("{} is no policy: {}", url, policy.error().message), to_do);
    return;
  }
  if (!istarts_with(trim(file.type), "text/plain")) {
    report.add(
        Level::warn,
        fmt::format("{} has the type `{}`: some senders ignore it", url, printable(file.type, 100)),
        "serve it as text/plain");
  }
  judge_sts_policy(domain, *policy, facts, report);
}

}  // namespace

Findings check_mta_sts(const DnsFacts& facts, const Ask& ask, const Fetch& fetch) {
  Report report("mta-sts", ask);
  if (no_domains(facts, report)) return report.take();
  for (const std::string& domain : facts.domains) {
    const bool has_record = check_single_text("_mta-sts." + domain, "v=STSv1",
                                              "senders without DANE do not insist on TLS", report,
                                              "see docs/dns-records.md, MTA-STS");
    if (has_record && fetch) check_sts_policy(domain, facts, fetch, report);
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

namespace {

constexpr std::string_view usual_tlsa = "3 1 1 ";

/// `3 1 1` records of these keys among the records.
bool names_one(const std::vector<std::string>& records, const std::vector<std::string>& digests) {
  return std::ranges::any_of(records, [&](const std::string& record) {
    return record.starts_with(usual_tlsa) && has(digests, lower(record.substr(usual_tlsa.size())));
  });
}

/// The change to another key: its record is published beside the old one, is known everywhere two
/// TTL later, and only then the key is used (RFC 7671 §8.1).
void check_next_key(const DnsFacts& facts, const std::string& name, const dns::Answer& answer,
                    Report& report) {
  for (const std::string& next : facts.next_digests) {
    const bool used = has(facts.key_digests, next);
    const bool published = names_one(answer.records, {next});
    if (used) {
      report.add(Level::ok, "the next key is in use",
                 answer.records.size() > 1 ? "remove the record of the old key" : "");
    } else if (published) {
      report.add(Level::ok, fmt::format("{} has the next key", name),
                 "two TTL of the record after it was published, `postern tls install`");
    } else {
      report.add(Level::warn, fmt::format("{} does not have the next key yet", name),
                 publish(facts, name, "TLSA", next) + " beside the old record, and wait two TTL");
    }
  }
}

/// A property of CAA (RFC 8659 §4.1).
struct CaaProperty {
  bool critical = false;
  std::string tag;
  std::string value;
};

std::optional<CaaProperty> caa_property(const std::string& record) {
  constexpr std::uint64_t critical_bit = 128;
  const std::size_t first = record.find(' ');
  const std::size_t second = record.find(' ', first + 1);
  const auto flags = parse_number(record.substr(0, first));
  if (!flags || first == std::string::npos || second == std::string::npos) return std::nullopt;
  return CaaProperty{.critical = (*flags & critical_bit) != 0,
                     .tag = record.substr(first + 1, second - first - 1),
                     .value = record.substr(second + 1)};
}

}  // namespace

Findings check_caa(const DnsFacts& facts, const Ask& ask) {
  Report report("caa", ask);
  // The records of the nearest name count alone (RFC 8659 §3).
  std::string name = facts.hostname;
  std::optional<dns::Answer> answer;
  while (true) {
    answer = report.ask(name, Type::caa);
    if (!answer) return report.take();
    const std::size_t dot = name.find('.');
    if (!answer->records.empty() || dot == std::string::npos) break;
    name.erase(0, dot + 1);
  }
  if (answer->records.empty()) {
    report.add(Level::note,
               fmt::format("any authority may issue certificates for {}: it has no CAA record",
                           facts.hostname),
               fmt::format("publish `{}. IN CAA 0 issue \"AUTHORITY\"` with the name that yours "
                           "documents (Let's Encrypt: letsencrypt.org)",
                           facts.hostname));
    return report.take();
  }
  std::vector<std::string> authorities;
  bool restricts = false;
  for (const std::string& record : answer->records) {
    const auto property = caa_property(record);
    if (!property) continue;
    const bool known = property->tag == "issue" || property->tag == "issuewild" ||
                       property->tag == "iodef" || property->tag == "issuemail" ||
                       property->tag == "contactemail" || property->tag == "contactphone";
    if (property->critical && !known) {
      report.add(Level::warn,
                 fmt::format("CAA of {} has the critical property `{}`: authorities that do not "
                             "know it issue nothing",
                             name, printable(property->tag, 60)),
                 "remove it, or set its flags to 0");
    }
    if (property->tag != "issue") continue;
    restricts = true;
    const std::string authority(
        trim(std::string_view(property->value).substr(0, property->value.find(';'))));
    if (!authority.empty()) authorities.push_back(lower(authority));
  }
  if (!restricts) {
    report.add(Level::note,
               fmt::format("any authority may issue certificates for {}: CAA of {} "
                           "has no `issue`",
                           facts.hostname, name),
               "add one: 0 issue \"AUTHORITY\"");
  } else if (authorities.empty()) {
    report.add(Level::warn,
               fmt::format("no authority may issue certificates for {}: CAA of {} says so",
                           facts.hostname, name),
               "name yours, or the certificate cannot be renewed");
  } else if (!facts.certificate_authority.empty() &&
             !has(authorities, facts.certificate_authority)) {
    report.add(Level::fail,
               fmt::format("{} may not issue certificates for {}: CAA of {} names {}",
                           facts.certificate_authority, facts.hostname, name, joined(authorities)),
               publish(facts, facts.hostname, "CAA"));
  } else {
    report.add(Level::ok, fmt::format("{} may issue certificates for {} (CAA of {})",
                                      joined(authorities), facts.hostname, name));
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
  check_next_key(facts, name, *answer, report);
  const bool comparable = std::ranges::all_of(
      answer->records, [](const std::string& one) { return one.starts_with(usual_tlsa); });
  if (names_one(answer->records, facts.key_digests)) {
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
