#include "doctor/records.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/domain_below.h"
#include "base/text.h"
#include "dns/zone_text.h"
#include "mailauth/spf/macro.h"

namespace postern::doctor {

namespace {

class List {
 public:
  void add(Record record) {
    const bool known = std::ranges::any_of(records_, [&](const Record& one) {
      return one.name == record.name && one.type == record.type && one.value == record.value;
    });
    if (!known) records_.push_back(std::move(record));
  }
  std::vector<Record> take() { return std::move(records_); }

 private:
  std::vector<Record> records_;
};

void add_addresses(const DnsFacts& facts, List& list) {
  for (const IpAddress& address : facts.addresses) {
    list.add({.name = facts.hostname,
              .type = address.is_v4() ? "A" : "AAAA",
              .value = address.to_string(),
              .why = "Senders connect to this address.",
              .check = "address"});
  }
  for (const IpAddress& address : facts.addresses) {
    list.add({.name = mailauth::spf::reverse_name(address),
              .type = "PTR",
              .value = facts.hostname,
              .why = "Many servers refuse mail from an address without a name.",
              .check = "ptr"});
  }
}

void add_spf(const DnsFacts& facts, List& list) {
  std::string others;
  for (const std::string& one : facts.other_senders) others += " " + one;
  for (const std::string& domain : facts.domains) {
    list.add({.name = domain,
              .type = "TXT",
              .value = fmt::format("v=spf1 mx{} -all", others),
              .why = others.empty()
                         ? "SPF: only the hosts of the MX records send mail of the domain."
                         : "SPF: only the hosts of the MX records and the ones that are named send "
                           "mail of the domain.",
              .check = "spf"});
  }
  // A second SPF record of a name is an error (RFC 7208 §4.5).
  if (std::ranges::find(facts.domains, facts.hostname) != facts.domains.end()) return;
  list.add({.name = facts.hostname,
            .type = "TXT",
            .value = "v=spf1 a -all",
            .why = "SPF for delivery reports, which have no sender but the name in EHLO.",
            .check = "spf",
            .need = Need::useful});
}

/// Whether reports about `domain` may be sent to `host` without its consent (RFC 7489 §7.1), as far
/// as the names alone tell.
bool below_each_other(const std::string& domain, const std::string& host) {
  return domain_below(domain, host) || domain_below(host, domain);
}

void add_dmarc(const DnsFacts& facts, List& list) {
  const std::string host = lower(facts.reports.substr(facts.reports.find('@') + 1));
  for (const std::string& domain : facts.domains) {
    list.add({.name = "_dmarc." + domain,
              .type = "TXT",
              .value = facts.reports.empty()
                           ? "v=DMARC1; p=none"
                           : fmt::format("v=DMARC1; p=none; rua=mailto:{}", facts.reports),
              .why = "DMARC: large receivers ask for it; read the reports before p=reject.",
              .check = "dmarc"});
    if (facts.reports.empty() || below_each_other(domain, host)) continue;
    list.add({.name = fmt::format("{}._report._dmarc.{}", domain, host),
              .type = "TXT",
              .value = "v=DMARC1",
              .why = fmt::format("Allows DMARC reports on {} to go to {}.", domain, host),
              .check = "dmarc",
              .need = Need::useful});
  }
}

void add_transport(const DnsFacts& facts, List& list) {
  for (const std::string& domain : facts.domains) {
    if (facts.mta_sts_id.empty()) break;
    list.add({.name = "_mta-sts." + domain,
              .type = "TXT",
              .value = fmt::format("v=STSv1; id={}", facts.mta_sts_id),
              .why = fmt::format("MTA-STS: senders read https://mta-sts.{}/.well-known/mta-sts.txt "
                                 "and then insist on TLS.",
                                 domain),
              .check = "mta-sts",
              .need = Need::useful});
  }
  for (const std::string& domain : facts.domains) {
    if (facts.reports.empty()) break;
    list.add({.name = "_smtp._tls." + domain,
              .type = "TXT",
              .value = fmt::format("v=TLSRPTv1; rua=mailto:{}", facts.reports),
              .why = "Senders report here when TLS to the gateway fails.",
              .check = "tls-rpt",
              .need = Need::useful});
  }
  std::vector<std::string> digests = facts.key_digests;
  digests.insert(digests.end(), facts.next_digests.begin(), facts.next_digests.end());
  for (const std::string& digest : digests) {
    list.add({.name = "_25._tcp." + facts.hostname,
              .type = "TLSA",
              .value = "3 1 1 " + digest,
              .why = "DANE: senders that validate DNSSEC insist on TLS with this key.",
              .check = "tlsa",
              .need = Need::useful});
  }
  if (facts.certificate_authority.empty()) return;
  list.add({.name = facts.hostname,
            .type = "CAA",
            .value = "0 issue " + facts.certificate_authority,
            .why = "No other authority may issue certificates for the name.",
            .check = "caa",
            .need = Need::useful});
}

/// The value as a zone file has it.
std::string zone_value(const Record& record) {
  if (record.type == "MX" || record.type == "PTR") return record.value + ".";
  if (record.type == "CAA") {  // the last of three words is a string (RFC 8659 §4.1.1)
    const std::size_t value = record.value.rfind(' ') + 1;
    return fmt::format("{}\"{}\"", record.value.substr(0, value), record.value.substr(value));
  }
  return record.value;
}

}  // namespace

std::vector<Record> records_for(const DnsFacts& facts) {
  List list;
  if (!facts.hostname.empty()) add_addresses(facts, list);
  for (const std::string& domain : facts.domains) {
    if (facts.hostname.empty()) break;
    list.add({.name = domain,
              .type = "MX",
              .value = "10 " + facts.hostname,
              .why = fmt::format("Mail for {} goes to the gateway.", domain),
              .check = "mx"});
  }
  if (!facts.hostname.empty()) add_spf(facts, list);
  for (const DkimKey& key : facts.dkim) {
    list.add({.name = fmt::format("{}._domainkey.{}", key.selector, key.domain),
              .type = "TXT",
              .value = key.record,
              .why = "DKIM: receivers verify the gateway's signatures with this key.",
              .check = "dkim"});
  }
  add_dmarc(facts, list);
  if (!facts.hostname.empty()) add_transport(facts, list);
  return list.take();
}

std::string check_command(const Record& record) { return "postern doctor --check " + record.check; }

std::string zone_line(const Record& record) {
  if (record.type == "TXT") return dns::txt_line(record.name, record.value);
  return fmt::format("{}. IN {} {}", record.name, record.type, zone_value(record));
}

std::string zone_text(const std::vector<Record>& records) {
  std::string out;
  std::string of_provider;
  for (const Record& record : records) {
    if (record.type == "PTR") {
      of_provider += fmt::format("; {}\n", zone_line(record));
      continue;
    }
    out += fmt::format("; {}{} Check: {}\n{}\n", record.need == Need::useful ? "Useful. " : "",
                       record.why, check_command(record), zone_line(record));
  }
  if (of_provider.empty()) return out;
  return out +
         "; Ask the provider of the addresses for these. Check: postern doctor --check ptr\n" +
         of_provider;
}

std::string mta_sts_policy(const std::string& hostname, const std::string& mode) {
  constexpr int week_in_seconds = 604800;
  return fmt::format("version: STSv1\r\nmode: {}\r\nmx: {}\r\nmax_age: {}\r\n", mode, hostname,
                     week_in_seconds);
}

}  // namespace postern::doctor
