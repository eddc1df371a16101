// Replies of DNS lists, by their templates (reference §5). Private to this folder.
#pragma once

#include <string>
#include <string_view>

#include "dialect/restrictions/context.h"

namespace postern::dialect::restrictions {

struct RblReply {
  std::uint16_t code = 554;
  smtp::EnhancedCode enhanced{5, 7, 1};
  std::string text;
};

/// `what` is listed, `kind` is "Client host" or the like.
RblReply rbl_reply(Context& context, const Rule& rule, std::string_view what, std::string_view kind,
                   std::string_view reason);

}  // namespace postern::dialect::restrictions
