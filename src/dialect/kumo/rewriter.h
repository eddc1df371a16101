// `smtp_server_rewrite_response`: the last word on the words of replies.
#pragma once

#include <memory>

#include "dialect/kumo/policy.h"
#include "policy/reply_rewriter.h"

namespace postern::dialect::kumo {

/// Null where the policy has no handler. A session is answered by the policy it began with.
std::shared_ptr<const policy::ReplyRewriter> rewriter_of(std::shared_ptr<const Policy> policy);

}  // namespace postern::dialect::kumo
