// The decisions that belong to an id which Postern shows: of a session, a message or a delivery.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "serve/live_questions.h"
#include "store/traces.h"

namespace postern::app {

/// What an id names.
enum class IdKind {
  session,   ///< of a session, as in each line of the log
  message,   ///< of a message, as in a reply or to the receiver of a webhook
  delivery,  ///< of a record in the delivery log of a webhook
};
/// "a session", "a message", "a delivery"
std::string_view to_text(IdKind kind);

/// The decisions on what an id names.
struct FoundDecisions {
  IdKind kind = IdKind::message;      ///< what the id names
  std::vector<store::TraceRow> rows;  ///< oldest first, at most 50; empty: nothing is known
};

/// Searches the traces and the delivery log for an id which is not that of a trace: 26 characters,
/// or these after `msg_` or `log_`. Such ids are not indexed: it reads what was kept from the id's
/// time on, newest first, for 5 s at most. Blocks. The databases' faults.
Result<FoundDecisions> decisions_of(Databases& databases, const std::string& id);

}  // namespace postern::app
