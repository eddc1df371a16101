// libunbound's result as our answer.
#pragma once

#include "dns/dns.h"

struct ub_result;

namespace postern::net {

/// The answer in the text forms of dns::Answer; a record that does not parse is left out. A bogus
/// result hands over no data (RFC 4035 §5.5).
dns::Answer answer_of(const ub_result& result, const dns::Question& question);

}  // namespace postern::net
