// The webhook-id of a message. It is the same for a repeated message, so that a receiver can drop
// repeats.
#pragma once

#include <string>
#include <string_view>

#include "policy/evidence.h"

namespace postern::deliver {

/// `msg_` and 26 characters in the form of a ULID. If the message has a Message-ID, they are a hash
/// of webhook, envelope and content (docs/decisions/0006-webhook-id.md). Otherwise they are new
/// each time: a sender without Message-IDs may intend to send the same text twice.
std::string message_identity(std::string_view webhook_id, const policy::Evidence& evidence,
                             std::string_view message);

}  // namespace postern::deliver
