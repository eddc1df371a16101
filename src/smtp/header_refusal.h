// What a header section may cost, as a reply.
#pragma once

#include <optional>

#include "mail/header_scanner.h"
#include "smtp/limits.h"
#include "smtp/reply.h"

namespace postern::smtp {

/// For a message that is whole: 554 5.4.6 when it loops (RFC 5321 §6.3), 554 5.6.0 when its header
/// section exceeds a limit, else nullopt.
std::optional<Reply> header_refusal(const mail::HeaderScanner& header, const Limits& limits);

}  // namespace postern::smtp
