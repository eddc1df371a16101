// Other words for what a client is told.
#pragma once

#include <optional>
#include <string>

#include "base/task.h"
#include "policy/layer.h"
#include "smtp/reply.h"

namespace postern::policy {

/// Thread-safe; outlives the sessions.
class ReplyRewriter {
 public:
  virtual ~ReplyRewriter() = default;
  /// The reply in other words, of the same class (RFC 5321 §4.2.1); what was decided stays decided.
  /// `command`: what it answers, without credentials; nullopt at connect. Throws nothing: in
  /// trouble the reply stays as it is.
  virtual Task<smtp::Reply> rewrite(smtp::Reply reply, std::optional<std::string> command,
                                    Evidence& evidence, Gatherer& gatherer) const = 0;
};

}  // namespace postern::policy
