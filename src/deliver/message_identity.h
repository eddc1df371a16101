// The webhook-id of a message: the same for the same message, so that a receiver can drop repeats.
#pragma once

#include <string>
#include <string_view>

#include "policy/evidence.h"

namespace postern::deliver {

/// `msg_` and 26 characters shaped like a ULID. Derived from webhook, envelope and content when the
/// message has a Message-ID (docs/decisions/0006-webhook-id.md); else new each time, since a
/// sender without one may well mean to send the same text twice.
std::string message_identity(std::string_view webhook_id, const policy::Evidence& evidence,
                             std::string_view message);

}  // namespace postern::deliver
