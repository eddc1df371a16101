// Routes that tables hold: asked at each attempt, so that a changed row counts at the next one.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/task.h"
#include "relay/relay_config.h"

namespace postern::relay {

/// The tables that Route::tables names. Thread-safe.
class RouteTables {
 public:
  virtual ~RouteTables() = default;
  /// The next hops of a recipient, in the form of parse_route(); nullopt: no row, or one that
  /// leaves it to the route. The error's sentence holds no secret. Ends in bounded time. The
  /// arguments are copied before the first wait.
  virtual Task<Result<std::optional<std::vector<std::string>>>> find(
      std::vector<std::string> tables, std::string local_part, std::string domain) = 0;
};

/// The route of a recipient, with what its tables say.
struct Way {
  const Route* route = nullptr;       ///< never null; of the configuration, or `made`
  std::shared_ptr<const Route> made;  ///< null: no table has a row, or it has the route's hosts
  /// Why the mail must wait: a table could not be asked, or its row is of no use. Empty: it need
  /// not. For the log; it names servers, files and rows.
  std::string trouble;
  bool is_down = false;  ///< a table could not be asked, and need not be for the next recipient

  /// Whether the password and the pinned certificates of the route are those of this host: not of a
  /// fallback host, and not of one that a table names.
  bool owns(const Target& target) const { return !target.fallback && made == nullptr; }
};

/// Finds the route, as route_of(), and asks its tables. `config` outlives the way. The views must
/// last until the task ends.
Task<Way> find_way(const RelayConfig& config, std::string_view local_part, std::string_view domain,
                   std::string_view sender);

}  // namespace postern::relay
