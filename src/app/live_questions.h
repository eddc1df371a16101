// What commands ask about live data. A question has one answer, a function of the databases, which
// the gateway calls where one runs and the command itself where none does.
#pragma once

#include <string>
#include <string_view>

#include <boost/json/object.hpp>

#include "base/error.h"
#include "spool/inbox_reader.h"
#include "store/delivery_log.h"
#include "store/sqlite_store.h"
#include "store/traces.h"

namespace postern::app {

/// The databases of a data directory, open in the one process that may. Safe from any thread.
/// Fault::not_found: there is no such file.
class Databases {
 public:
  virtual ~Databases() = default;
  virtual Result<store::Store*> control() = 0;
  virtual Result<store::DeliveryLog*> deliveries() = 0;
  virtual Result<spool::InboxReader*> inbox() = 0;
  /// Sees every trace that was posted before.
  virtual Result<store::TraceReader*> traces() = 0;
  /// Where the running gateway's pages are; "": none runs.
  virtual std::string pages() const = 0;
};

/// The answer to a question by its name; `given` is checked by nobody before. Blocks. Faults:
/// malformed, also for a question that nobody knows; not_found; and those of the databases.
Result<boost::json::object> answer_question(std::string_view question, Databases& databases,
                                            const boost::json::object& given);

}  // namespace postern::app
