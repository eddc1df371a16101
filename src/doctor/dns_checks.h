// Compares DNS with the records that a gateway needs. Each function is one check of `postern
// doctor`: facts and answers in, findings out.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "dns/dns.h"
#include "doctor/finding.h"
#include "doctor/records.h"

namespace postern::doctor {

/// Answers a question. Blocks; does not throw.
using Ask = std::function<dns::Answer(const dns::Question&)>;

/// A and AAAA records of the hostname: all of our addresses, and no others.
Findings check_addresses(const DnsFacts& facts, const Ask& ask);
/// The PTR record of each address names the hostname, and the name has the address.
Findings check_reverse(const DnsFacts& facts, const Ask& ask);
/// The MX records of each domain name the hostname.
Findings check_mx(const DnsFacts& facts, const Ask& ask);
/// SPF (RFC 7208) passes for mail of each domain from each address, and for delivery reports of the
/// hostname.
Findings check_spf(const DnsFacts& facts, const Ask& ask);
/// Each DKIM key is published, usable, and the one that signs.
Findings check_dkim(const DnsFacts& facts, const Ask& ask);
/// Each domain, or the organization above it, has one DMARC record (RFC 7489 §6.6.3), and hosts to
/// which reports go elsewhere agree (§7.1).
Findings check_dmarc(const DnsFacts& facts, const Ask& ask);
/// The answer to a GET request.
struct Fetched {
  std::string trouble;  ///< why there is none; empty: there is one
  int status = 0;       ///< of HTTP
  std::string type;     ///< Content-Type
  std::string text;     ///< the body
};
/// Fetches an https URL: the certificate is verified, redirections are not followed. Blocks; does
/// not throw.
using Fetch = std::function<Fetched(const std::string& url)>;
/// Each domain has one MTA-STS record or none (RFC 8461 §3.1), and with a record a policy that
/// allows the hosts of its MX records (§3.2). An empty `fetch`: the policy is not looked at.
Findings check_mta_sts(const DnsFacts& facts, const Ask& ask, const Fetch& fetch);
/// Each DNS list of addresses that the configuration asks, as "bl.example.net", answers this
/// resolver: it has the address for tests and not every address (RFC 5782 §5).
Findings check_dns_lists(const std::vector<std::string>& zones, const Ask& ask);
/// Each domain asks for TLS reports (RFC 8460 §3).
Findings check_tls_reports(const DnsFacts& facts, const Ask& ask);
/// Which authorities may issue certificates for the hostname (RFC 8659 §3): some, and not all.
Findings check_caa(const DnsFacts& facts, const Ask& ask);
/// The TLSA records of port 25 match a key of facts.key_digests, and are secure (RFC 7672 §3.1.1).
/// With facts.next_digests: how far the change to these keys is.
Findings check_tlsa(const DnsFacts& facts, const Ask& ask);

}  // namespace postern::doctor
