// Live data for the command line (docs/decisions/0042-live-data.md). A running gateway is asked, as
// only it opens the databases. Without one, a command takes the gateway's lock, opens the
// databases, answers itself and releases the lock.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>

#include "base/error.h"
#include "base/json_members.h"
#include "cluster/database.h"
#include "serve/acting_owner.h"
#include "serve/data_lock.h"
#include "store/sql_store.h"

namespace postern::app {

/// Access to the data of one data directory. Thread-safe.
class LiveData {
 public:
  /// Whether a missing directory and missing databases are created.
  enum class Make { no, yes };
  /// Opens nothing yet.
  explicit LiveData(std::filesystem::path data_dir, Make make = Make::no)
      : data_dir_(std::move(data_dir)), make_(make) {}

  /// Answers a question of serve/live_questions.h. Fault::temporary: another process holds the
  /// directory and no gateway answers for some seconds, or a gateway was asked and did not answer;
  /// it is asked only once. Blocks.
  Result<boost::json::object> ask(std::string_view question, const boost::json::object& given);
  /// The same from a running gateway only; nullopt: none answers.
  std::optional<Result<boost::json::object>> ask_gateway(std::string_view question,
                                                         const boost::json::object& given) const;

  /// Policies, webhooks and domains, for deciding like the gateway: too large and too secret for an
  /// answer. If a gateway runs, the database is opened read-only. Only what reads goes on while it
  /// lives, as root then has no more rights than the owner.
  struct Control {
    ActingOwner owner;                            ///< while it lives, root is the owner's
    std::optional<DataLock> lock;                 ///< nullopt: a gateway runs
    std::unique_ptr<cluster::Database> database;  ///< of a cluster; null: none
    std::unique_ptr<store::SqlStore> store;       ///< closed before the lock is released
  };
  /// Opens the control database. Errors are those of DataLock::take(), except Fault::conflict, and
  /// of the store. Blocks.
  Result<Control> borrow_control() const;

  /// The data directory.
  const std::filesystem::path& directory() const { return data_dir_; }

 private:
  std::mutex mutex_;
  const std::filesystem::path data_dir_;
  const Make make_;
};

}  // namespace postern::app
