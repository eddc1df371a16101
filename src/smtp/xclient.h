// XCLIENT attributes (Postfix XCLIENT_README): a trusted proxy tells whom it speaks for.
#pragma once

#include <string_view>

#include "smtp/command.h"
#include "smtp/server_session.h"

namespace postern::smtp {

/// `NAME=value ...` with xtext values. Each value is checked as if it had come from the network;
/// `[UNAVAILABLE]` and `[TEMPUNAVAIL]` leave the attribute unset; as ADDR they make the address
/// unknown.
Parsed<Xclient> parse_xclient(std::string_view argument);

}  // namespace postern::smtp
