// Shared by the commands about mail: reads their options, formats times, DNS answers and results.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/fwd.hpp>

#include "base/error.h"
#include "cli/commands.h"
#include "mail/address.h"
#include "mailauth/arc/validate.h"
#include "mailauth/dkim/verify.h"
#include "mailauth/dmarc/evaluate.h"
#include "mailauth/spf/check_host.h"
#include "policy/evidence.h"
#include "policy/json_octets.h"

namespace postern::app {

/// Checks that the `needed` options are given, and "-" only once; nullopt: the line is valid.
std::optional<UsageError> check_options(const Arguments& arguments,
                                        std::initializer_list<std::string_view> needed);
/// Where the help of this command is: "`postern dkim sign --help`".
std::string help_of(const Arguments& arguments);

/// Reads the message in FILE or from standard input, with CRLF line ends. After an error, which is
/// printed, the value is the exit code.
tl::expected<std::string, int> read_message(const Arguments& arguments,
                                            const std::optional<std::string>& file,
                                            Streams& streams);

/// Parses "2026-11-20T09:00:00Z" or seconds since 1970; nullopt: neither.
std::optional<std::int64_t> parse_time(std::string_view text);
/// A time in seconds since 1970, in the first form.
std::string time_text(std::int64_t time);
/// The time of --now, or the current time, in seconds since 1970.
tl::expected<std::int64_t, UsageError> now_for(const Arguments& arguments);

/// The client and sender of --ip, --from and --helo.
struct Envelope {
  IpAddress client;                     ///< --ip
  std::optional<mail::Mailbox> sender;  ///< --from; nullopt: the null reverse-path
  std::string helo;                     ///< --helo, or the client's address literal
};
/// Reads these options.
tl::expected<Envelope, UsageError> read_envelope(const Arguments& arguments);

/// One line "  name       value" of a report.
std::string fact(std::string_view name, std::string_view value);

/// The DNS answers in order, as text; empty if there are none.
std::string dns_text(const std::vector<policy::DnsRecord>& records);

/// The report of an SPF result.
std::string spf_text(const mailauth::spf::Result& spf, const IpAddress& client);
/// The same as JSON.
boost::json::object spf_json(const mailauth::spf::Result& spf);
/// The report of all DKIM signatures.
std::string dkim_text(const mailauth::dkim::Results& results);
/// The same as JSON.
boost::json::array dkim_json(const mailauth::dkim::Results& results);
/// The report of an ARC chain.
std::string arc_text(const mailauth::arc::Verdict& verdict);
/// The same as JSON.
boost::json::object arc_json(const mailauth::arc::Verdict& verdict);

/// The Authentication-Results field (RFC 8601 §2.2) that a gateway with this name would write, with
/// LF line ends. Results about the client are left out if its address is unknown.
std::string results_text(const policy::Evidence& evidence, const std::string& hostname);

}  // namespace postern::app
