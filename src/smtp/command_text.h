// The command behind an event, for people and scripts: never a credential.
#pragma once

#include <string>

#include "smtp/command.h"
#include "smtp/server_session.h"

namespace postern::smtp {

/// "MAIL FROM:<a@example.com> SIZE=100", "AUTH PLAIN <redacted>"; the end of a message is "DATA".
/// "" of events that answer no command.
std::string command_text(const Event& event);
/// The same of a command as it was sent: verb and argument, of AUTH and XCLIENT the verb alone. ""
/// of what is no command.
std::string command_text(const CommandView& command);

}  // namespace postern::smtp
