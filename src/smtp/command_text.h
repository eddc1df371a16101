// The command of an event, as text for logs and scripts; never contains credentials.
#pragma once

#include <string>

#include "smtp/command.h"
#include "smtp/server_session.h"

namespace postern::smtp {

/// The command that the event answers: "MAIL FROM:<a@example.com> SIZE=100", "AUTH PLAIN
/// <redacted>". The end of a message is "DATA". "": not the result of a command.
std::string command_text(const Event& event);
/// The text of a command as sent: verb and argument; for AUTH and XCLIENT the verb only. "": an
/// unknown command.
std::string command_text(const CommandView& command);

}  // namespace postern::smtp
