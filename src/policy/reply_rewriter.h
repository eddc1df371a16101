// Changes what replies say.
#pragma once

#include <optional>
#include <string>

#include "base/task.h"
#include "policy/layer.h"
#include "smtp/reply.h"

namespace postern::policy {

/// Thread-safe; must outlive the sessions.
class ReplyRewriter {
 public:
  virtual ~ReplyRewriter() = default;
  /// A reply with another text; a refusal may get another code, 4nn or 5nn. The decision stays.
  /// `command`: the command that it answers, without credentials; nullopt at connect. Does not
  /// throw: after an error it returns `reply`.
  virtual Task<smtp::Reply> rewrite(smtp::Reply reply, std::optional<std::string> command,
                                    Inquiry& inquiry) const = 0;
};

}  // namespace postern::policy
