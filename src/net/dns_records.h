// Conversion of DNS messages to dns::Answer.
#pragma once

#include <string>
#include <string_view>

#include "dns/dns.h"

struct ub_result;

namespace postern::net {

/// The name of a question in presentation format, as libraries expect it: there a backslash starts
/// an escape (RFC 1035 §5.1), in a question it is an ordinary octet.
std::string presentation_of(std::string_view name);

/// The answer in the text forms of dns::Answer; malformed records are left out. A bogus result
/// gives no data (RFC 4035 §5.5).
dns::Answer answer_of(const ub_result& result, const dns::Question& question);
/// As above, from a message (RFC 1035 §4.1) of a server that follows CNAMEs: secure if its AD bit
/// is set. Status::server_failure: the message is malformed.
dns::Answer answer_of(std::string_view packet, const dns::Question& question);

/// Whether a message has a record of the type in its answer or authority section. False also if it
/// is malformed before that record.
bool has_record(std::string_view packet, unsigned type);

}  // namespace postern::net
