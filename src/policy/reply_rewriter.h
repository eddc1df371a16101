// Changes the text of replies.
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
  /// A reply with another text and the same first digit (RFC 5321 §4.2.1); the decision stays.
  /// `command`: the command that it answers, without credentials; nullopt at connect. Does not
  /// throw: after an error it returns `reply`.
  virtual Task<smtp::Reply> rewrite(smtp::Reply reply, std::optional<std::string> command,
                                    Inquiry& inquiry) const = 0;
};

}  // namespace postern::policy
