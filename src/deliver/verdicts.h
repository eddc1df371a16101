// What SPF, DKIM, DMARC and ARC found out, as receivers and logs see it.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <string_view>
#include <vector>

#include <boost/json/value.hpp>

#include "policy/evidence.h"
#include "store/delivery_log.h"

namespace postern::deliver {

/// Signatures in the payload and in a log record.
inline constexpr std::size_t max_told_signatures = 100;
inline constexpr std::size_t max_logged_signatures = 10;

/// Fields that say whose message it is, how its body is read and where an answer goes.
inline constexpr std::array<std::string_view, 10> steering_fields = {
    "From",   "Subject",  "To",           "Date",         "Cc",
    "Sender", "Reply-To", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"};
/// Those of them that no acceptable, aligned signature covers: it names them less often (RFC 6376
/// §5.4) than the message has them. `count` says how often that is. None without such a signature:
/// then nothing is vouched for, and the verdicts say so.
std::vector<std::string_view> unsigned_fields(
    const policy::Evidence& evidence,
    const std::function<std::size_t(std::string_view name)>& count);

/// The payload's `auth` object (docs/payload.md). What was not evaluated says so: "skipped" for
/// SPF, no DKIM results, "none" for DMARC and ARC.
boost::json::value auth_results(const policy::Evidence& evidence);

/// Fills in spf_result, dkim_results and dmarc_result of a message that reached the end of its
/// data.
void log_verdicts(const policy::Evidence& evidence, store::LogRecord& record);

}  // namespace postern::deliver
