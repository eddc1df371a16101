// What verify() does alike with every engine: it reads all messages and bodies.
#pragma once

#include <atomic>
#include <string>

#include "spool/spool.h"

namespace postern::spool {

/// Adds a defect.
void note_finding(Verification& found, const MessageId& message, std::string what);
/// Reads each message and its body through the interface. Fault::temporary: `stop` became true.
Result<void> verify_messages(Spool& spool, const std::atomic<bool>& stop, Verification& found);
/// What a verification that was stopped returns.
tl::unexpected<Error> verification_stopped();

}  // namespace postern::spool
