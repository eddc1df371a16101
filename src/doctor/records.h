// Which DNS records a gateway should publish. `postern setup` prints the list, `postern doctor`
// compares it with DNS.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ip.h"

namespace postern::doctor {

/// The public half of a signing key.
struct DkimKey {
  std::string domain;    ///< the signing domain (d=)
  std::string selector;  ///< s=
  std::string record;    ///< the TXT record (RFC 6376 §3.6.1): "v=DKIM1; k=…; p=…"
};

/// What the records are computed from. All names are A-labels in lower case without trailing dot.
/// An empty member leaves its records out.
struct DnsFacts {
  std::string hostname;              ///< of the gateway: in EHLO, MX and certificate
  std::vector<IpAddress> addresses;  ///< public addresses that the gateway receives and sends from
  std::vector<std::string> domains;  ///< whose mail the gateway receives or sends
  std::vector<DkimKey> dkim;         ///< the keys that sign, and those that will sign next
  /// SPF mechanisms of other hosts that send mail of the domains: "a:mail.example.org".
  std::vector<std::string> other_senders;
  /// SHA-256 of the certificate's public key (SubjectPublicKeyInfo, RFC 6698 §2.1), 64 lower-case
  /// hexadecimal digits; one for each key in use. Only for a zone that is signed.
  std::vector<std::string> key_digests;
  std::vector<std::string> next_digests;  ///< of keys that are not in use yet
  std::string mta_sts_id;                 ///< id of the MTA-STS policy: 1 to 32 letters and digits
  std::string reports;                    ///< address to which DMARC and TLS reports go
  std::string certificate_authority;      ///< the CAA value (RFC 8659 §4.2): "letsencrypt.org"
  std::vector<std::string> source_names;  ///< names in EHLO of source addresses, beside `hostname`
};

/// Whether mail flows without a record.
enum class Need : std::uint8_t {
  needed,  ///< without it mail is lost or refused
  useful,  ///< it protects, or tells what went wrong
};

/// A DNS record that should exist.
struct Record {
  std::string name;   ///< owner name: A-labels without trailing dot
  std::string type;   ///< A, AAAA, MX, PTR, TXT, TLSA or CAA
  std::string value;  ///< as in dns::Answer: the strings of TXT joined, names without trailing dot
  std::string why;    ///< one sentence, with its dot
  std::string check;  ///< the check of `postern doctor` that looks at it: "mx"
  Need need = Need::needed;
};

/// The records, in the order: address, PTR, MX, SPF, DKIM, DMARC, MTA-STS, TLS reports, TLSA, CAA.
/// PTR records are published by the provider of the addresses. No record is listed twice.
std::vector<Record> records_for(const DnsFacts& facts);
/// The command that looks at a record: "postern doctor --check mx".
std::string check_command(const Record& record);

/// The record as a line of a zone file (RFC 1035 §5.1), without its end.
std::string zone_line(const Record& record);
/// All records as a zone file: above each its reason and its command as comments; the PTR records,
/// which belong to other zones, as comments at the end.
std::string zone_text(const std::vector<Record>& records);

/// The MTA-STS policy (RFC 8461 §3.2) to serve at
/// https://mta-sts.DOMAIN/.well-known/mta-sts.txt, with CRLF line ends. `mode` is "testing" or
/// "enforce".
std::string mta_sts_policy(const std::string& hostname, const std::string& mode);

}  // namespace postern::doctor
