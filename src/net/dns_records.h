// What name servers say as our answer.
#pragma once

#include <string>
#include <string_view>

#include "dns/dns.h"

struct ub_result;

namespace postern::net {

/// A question's name as libraries read it: in presentation format a backslash starts an escape (RFC
/// 1035 §5.1), in a question it is an octet like any other.
std::string presentation_of(std::string_view name);

/// The answer in the text forms of dns::Answer; a record that does not parse is left out. A bogus
/// result hands over no data (RFC 4035 §5.5).
dns::Answer answer_of(const ub_result& result, const dns::Question& question);
/// The same of a message (RFC 1035 §4.1) of a server that follows aliases: secure when its AD bit
/// is set. One that does not parse is Status::server_failure.
dns::Answer answer_of(std::string_view packet, const dns::Question& question);

/// Whether a message has a record of the type in its answer or authority section; not when it does
/// not parse up to there.
bool has_record(std::string_view packet, unsigned type);

}  // namespace postern::net
