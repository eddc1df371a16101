// What the commands about mail share: reading their options, showing times, DNS answers and
// results.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/fwd.hpp>

#include "app/commands.h"
#include "base/error.h"
#include "mail/address.h"
#include "mailauth/arc/validate.h"
#include "mailauth/dkim/verify.h"
#include "mailauth/dmarc/evaluate.h"
#include "mailauth/spf/check_host.h"
#include "policy/evidence.h"

namespace postern::app {

/// Options that have to be there, and "-" given twice; nullopt when the line is good.
std::optional<UsageError> check_options(const Arguments& arguments,
                                        std::initializer_list<std::string_view> needed);
/// Where help about this command is: "`postern dkim sign --help`".
std::string help_of(const Arguments& arguments);

/// The message in FILE or on standard input with CRLF line ends. Prints what is wrong.
tl::expected<std::string, int> read_message(const Arguments& arguments,
                                            const std::optional<std::string>& file,
                                            Streams& streams);

/// "2026-11-20T09:00:00Z" or seconds since 1970.
std::optional<std::int64_t> parse_time(std::string_view text);
std::string time_text(std::int64_t time);
/// The time of --now, else the clock's. An error is one of usage.
tl::expected<std::int64_t, UsageError> now_for(const Arguments& arguments);

/// The envelope's client and sender of --ip, --from and --helo.
struct Envelope {
  IpAddress client;
  std::optional<mail::Mailbox> sender;  ///< nullopt: the null sender
  std::string helo;                     ///< without --helo the client's address literal
};
tl::expected<Envelope, UsageError> read_envelope(const Arguments& arguments);

/// A line "  name       value" of a report.
std::string fact(std::string_view name, std::string_view value);

/// A TXT record's strings, 255 octets each at most (RFC 1035 §3.3).
std::vector<std::string> txt_strings(std::string_view record);
/// The line of a zone file (RFC 1035 §5.1), without its end. `record` holds no quotes.
std::string txt_line(std::string_view name, std::string_view record);

/// The DNS answers in their order; empty when there is none.
std::string dns_text(const std::vector<policy::DnsRecord>& records);
/// As --dns reads them.
boost::json::array dns_json(const std::vector<policy::DnsRecord>& records);
/// Octets of a message or record as JSON: text, or what base64 makes of it.
boost::json::value octets_json(std::string_view octets);
/// The same, null when there is none.
boost::json::value or_null(std::string_view octets);

std::string spf_text(const mailauth::spf::Result& spf, const IpAddress& client);
boost::json::object spf_json(const mailauth::spf::Result& spf);
std::string dkim_text(const mailauth::dkim::Results& results);
boost::json::array dkim_json(const mailauth::dkim::Results& results);
std::string arc_text(const mailauth::arc::Verdict& verdict);
boost::json::object arc_json(const mailauth::arc::Verdict& verdict);

/// The Authentication-Results field that a gateway of this name would write about the evidence, in
/// lines that end in LF. With a client of no address it says nothing of the client.
std::string results_text(const policy::Evidence& evidence, const std::string& hostname);

}  // namespace postern::app
