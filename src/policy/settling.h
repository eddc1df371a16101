// Which of a trace's decisions gave the client its last word.
#pragma once

#include "policy/trace.h"

namespace postern::policy {

/// A refusal that may have settled the trace: with a reply to the end of data, earlier refusals did
/// not. The last such decision did.
bool may_settle(const Trace& trace, const Decision& decision);

/// The step whose refusal is the decision's reply: the first one that counts
/// (docs/decisions/0008-layers-and-composition.md). Null when no rule refused.
const Step* refusing_step(const Decision& decision);

}  // namespace postern::policy
