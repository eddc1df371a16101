// What SPF, DKIM, DMARC and ARC found out, as receivers and logs see it.
#pragma once

#include <cstddef>

#include <boost/json/value.hpp>

#include "policy/evidence.h"
#include "store/delivery_log.h"

namespace postern::deliver {

/// Signatures in the payload and in a log record.
inline constexpr std::size_t max_told_signatures = 100;
inline constexpr std::size_t max_logged_signatures = 10;

/// The payload's `auth` object (docs/payload.md). What was not evaluated says so: "skipped" for
/// SPF, no DKIM results, "none" for DMARC and ARC.
boost::json::value auth_results(const policy::Evidence& evidence);

/// Fills in spf_result, dkim_results and dmarc_result of a message that reached the end of its
/// data.
void log_verdicts(const policy::Evidence& evidence, store::LogRecord& record);

}  // namespace postern::deliver
