// Postfix's policy delegation protocol: one attribute a line, an empty line, and `action=...` in
// reply. Private to this folder; the gateway does the exchange.
#pragma once

#include <string>
#include <string_view>

#include "dialect/restrictions/context.h"

namespace postern::dialect::restrictions {

/// The request as sent, with the empty line at its end.
std::string delegation_request(const Context& context, const policy::ClientName& client,
                               std::string_view policy_context);

}  // namespace postern::dialect::restrictions
