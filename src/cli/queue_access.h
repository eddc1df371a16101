// The queue for the command line: through the running gateway, or in the spool itself if none runs.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>

#include "admin/ports.h"
#include "config/exit_code.h"

namespace postern::app {

/// Filters by names of admin::queue_filters, with valid values.
using QueueFilter = std::vector<std::pair<std::string, std::string>>;

/// Why an operation failed.
struct QueueError {
  ExitCode code = ExitCode::bug;  ///< of the command
  std::string message;            ///< one sentence
  std::string hint;               ///< what to do
};
/// A result or a QueueError.
template <class T>
using QueueResult = tl::expected<T, QueueError>;

/// Operations on the queue; answers have the API's form (docs/queue.md). ExitCode::no_input: no
/// such message; ExitCode::no: the operation is not possible for it. All block. One thread.
class QueueAccess {
 public:
  virtual ~QueueAccess() = default;
  /// Messages that match `filter` and are older than `before` (empty: all), at most `limit`.
  virtual QueueResult<boost::json::object> list(const QueueFilter& filter,
                                                const std::string& before, std::size_t limit) = 0;
  /// One message.
  virtual QueueResult<boost::json::object> show(const std::string& id) = 0;
  /// Passes the octets to `out` in pieces; `out` may stop by returning false.
  virtual QueueResult<void> text(const std::string& id,
                                 const std::function<bool(std::string_view)>& out) = 0;
  /// Performs an action on one message.
  virtual QueueResult<void> act(spool::Action action, const std::string& id,
                                admin::Notify notify) = 0;
  /// Performs an action on all messages that match `filter`, from `before` on.
  virtual QueueResult<boost::json::object> act_on_all(spool::Action action,
                                                      const QueueFilter& filter,
                                                      const std::string& before,
                                                      admin::Notify notify) = 0;
  /// Checks the stored messages.
  virtual QueueResult<boost::json::object> verify() = 0;
  /// The state of each destination.
  virtual QueueResult<boost::json::object> destinations() = 0;
};

/// While the result exists and no gateway runs, none can start. Blocks.
QueueResult<std::unique_ptr<QueueAccess>> open_queue(const std::string& data_dir);

}  // namespace postern::app
