// The results of SPF, DKIM, DMARC and ARC for receivers and for the delivery log.
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

/// Signatures listed in the payload.
inline constexpr std::size_t max_told_signatures = 100;
/// Signatures listed in a log record.
inline constexpr std::size_t max_logged_signatures = 10;

/// Fields that name the author, tell how to read the body, or direct the answer.
inline constexpr std::array<std::string_view, 10> steering_fields = {
    "From",   "Subject",  "To",           "Date",         "Cc",
    "Sender", "Reply-To", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"};
/// The steering_fields that no acceptable, aligned signature covers: it lists them less often (RFC
/// 6376 §5.4.2) than the message has them, which `count` tells. Empty without such a signature,
/// because the results then show that nothing is authenticated.
std::vector<std::string_view> unsigned_fields(
    const policy::Evidence& evidence,
    const std::function<std::size_t(std::string_view name)>& count);

/// The payload's `auth` object (docs/payload.md). If not evaluated: "skipped" for SPF, no DKIM
/// results, "none" for DMARC and ARC.
boost::json::value auth_results(const policy::Evidence& evidence);

/// Sets spf_result, dkim_results and dmarc_result of a message whose data was received completely.
void log_verdicts(const policy::Evidence& evidence, store::LogRecord& record);

}  // namespace postern::deliver
