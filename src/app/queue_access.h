// The queue for the command line: through the running gateway, or the spool itself when none runs.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>

#include "admin/ports.h"
#include "app/exit_code.h"

namespace postern::app {

/// By the names of admin::queue_filters, with values that were checked.
using QueueFilter = std::vector<std::pair<std::string, std::string>>;

struct QueueError {
  ExitCode code = ExitCode::bug;
  std::string message;
  std::string hint;
};
template <class T>
using QueueResult = tl::expected<T, QueueError>;

/// Answers are those of the API (docs/queue.md). ExitCode::no_input: no such message;
/// ExitCode::no: what was asked for cannot be done to it.
class QueueAccess {
 public:
  virtual ~QueueAccess() = default;
  virtual QueueResult<boost::json::object> list(const QueueFilter& filter,
                                                const std::string& before, std::size_t limit) = 0;
  virtual QueueResult<boost::json::object> show(const std::string& id) = 0;
  /// `out` gets the octets in pieces and may end it by returning false.
  virtual QueueResult<void> text(const std::string& id,
                                 const std::function<bool(std::string_view)>& out) = 0;
  virtual QueueResult<void> act(spool::Action action, const std::string& id,
                                admin::Notify notify) = 0;
  virtual QueueResult<boost::json::object> act_on_all(spool::Action action,
                                                      const QueueFilter& filter,
                                                      const std::string& before,
                                                      admin::Notify notify) = 0;
  virtual QueueResult<boost::json::object> verify() = 0;
  virtual QueueResult<boost::json::object> destinations() = 0;
};

/// While it lives and no gateway runs, none can start.
QueueResult<std::unique_ptr<QueueAccess>> open_queue(const std::string& data_dir);

}  // namespace postern::app
