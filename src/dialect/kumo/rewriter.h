// `smtp_server_rewrite_response`: changes the text of replies.
#pragma once

#include <memory>

#include "dialect/kumo/policy.h"
#include "policy/reply_rewriter.h"

namespace postern::dialect::kumo {

/// Null if the policy has no handler. A session uses the policy that it began with.
std::shared_ptr<const policy::ReplyRewriter> rewriter_of(std::shared_ptr<const LuaPolicy> policy);

}  // namespace postern::dialect::kumo
