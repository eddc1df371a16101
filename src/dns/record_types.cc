#include "dns/record_types.h"

#include <algorithm>

#include "base/text.h"

namespace postern::dns {

bool is_record_type(std::string_view text) {
  static constexpr std::string_view names[] = {
      "A",          "A6",         "AAAA",    "AFSDB", "ALIAS", "AMTRELAY", "ANAME", "APL",
      "AVC",        "CAA",        "CDNSKEY", "CDS",   "CERT",  "CNAME",    "CSYNC", "DHCID",
      "DLV",        "DNAME",      "DNSKEY",  "DS",    "EUI48", "EUI64",    "HINFO", "HIP",
      "HTTPS",      "IPSECKEY",   "ISDN",    "KEY",   "KX",    "L32",      "L64",   "LOC",
      "LP",         "MINFO",      "MX",      "NAPTR", "NID",   "NS",       "NSEC",  "NSEC3",
      "NSEC3PARAM", "OPENPGPKEY", "PTR",     "PX",    "RP",    "RRSIG",    "RT",    "SIG",
      "SMIMEA",     "SOA",        "SPF",     "SRV",   "SSHFP", "SVCB",     "TA",    "TKEY",
      "TLSA",       "TSIG",       "TXT",     "URI",   "WKS",   "X25",      "ZONEMD"};
  if (std::any_of(std::begin(names), std::end(names),
                  [&](std::string_view name) { return iequals(name, text); })) {
    return true;
  }
  const auto number = istarts_with(text, "TYPE") ? parse_number(text.substr(4)) : std::nullopt;
  return number && *number < 65536;
}

}  // namespace postern::dns
