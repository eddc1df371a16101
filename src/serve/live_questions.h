// The questions of commands about live data. The answer is a function of the databases, which the
// running gateway calls, or the command itself if none runs.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>

#include "base/error.h"
#include "spool/inbox_reader.h"
#include "store/delivery_log.h"
#include "store/sqlite_store.h"
#include "store/traces.h"
#include "store/verified_store.h"

namespace postern::app {

/// The databases of a data directory, open in the one process that may open them. Thread-safe.
/// Fault::not_found: the file does not exist. Results live as long as this object.
class Databases {
 public:
  virtual ~Databases() = default;
  /// Accounts, policies and webhooks.
  virtual Result<store::Store*> control() = 0;
  /// The log of webhook deliveries.
  virtual Result<store::DeliveryLog*> deliveries() = 0;
  /// The built-in inboxes.
  virtual Result<spool::InboxReader*> inbox() = 0;
  /// Includes all traces posted so far.
  virtual Result<store::TraceReader*> traces() = 0;
  /// What address verification remembers of an address, whatever its age.
  virtual Result<std::optional<store::VerifiedRow>> verified(const std::string& address) = 0;
  /// The URL of the running gateway's pages; "": none runs.
  virtual std::string pages() const = 0;
};

/// Answers a question by its name; `given` is not checked yet. Blocks. Fault::malformed, also for
/// an unknown question; Fault::not_found; and errors of the databases.
Result<boost::json::object> answer_question(std::string_view question, Databases& databases,
                                            const boost::json::object& given);

}  // namespace postern::app
