// Postfix's policy delegation protocol: attributes a line, an empty line, `action=...` back.
// Private to this folder; the exchange itself is the gateway's.
#pragma once

#include <string>
#include <string_view>

#include "dialect/restrictions/context.h"

namespace postern::dialect::restrictions {

/// The request as it goes over the wire, empty line included.
std::string delegation_request(const Context& context, const policy::ClientName& client,
                               std::string_view policy_context);

}  // namespace postern::dialect::restrictions
