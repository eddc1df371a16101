// Replies for DNS lists, from their templates (default_rbl_reply, rbl_reply_maps). Private to this
// folder.
#pragma once

#include <string>
#include <string_view>

#include "dialect/restrictions/context.h"

namespace postern::dialect::restrictions {

/// A reply.
struct RblReply {
  std::uint16_t code = 554;              ///< reply code
  smtp::EnhancedCode enhanced{5, 7, 1};  ///< enhanced status code
  std::string text;                      ///< without the codes
};

/// Fills in the template. `what`: the listed name or address; `kind`: "Client host" or the like;
/// `reason`: the list's TXT record.
RblReply rbl_reply(Context& context, const Rule& rule, std::string_view what, std::string_view kind,
                   std::string_view reason);

}  // namespace postern::dialect::restrictions
