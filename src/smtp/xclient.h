// XCLIENT attributes (Postfix XCLIENT_README): a trusted proxy reports the client it acts for.
#pragma once

#include <string_view>

#include "smtp/command.h"
#include "smtp/server_session.h"

namespace postern::smtp {

/// Parses `NAME=value ...` with xtext values. Values are validated like network input.
/// `[UNAVAILABLE]` and `[TEMPUNAVAIL]` leave an attribute unset; as ADDR they make the address
/// unknown. Error: the 501 reply to send.
Parsed<Xclient> parse_xclient(std::string_view argument);

}  // namespace postern::smtp
