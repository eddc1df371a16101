// Live data for the command line (docs/decisions/0042-live-data.md). While a gateway runs, it is
// asked: it has the databases open, and nobody else opens them. Without one a command takes the
// gateway's lock, opens them, answers itself and lets go.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>

#include <boost/json/object.hpp>

#include "app/data_lock.h"
#include "base/error.h"
#include "store/sqlite_store.h"

namespace postern::app {

class LiveData {
 public:
  /// Whether a directory and a database that are not there are made.
  enum class Make { no, yes };
  explicit LiveData(std::filesystem::path data_dir, Make make = Make::no)
      : data_dir_(std::move(data_dir)), make_(make) {}

  /// One of app/live_questions.h. Safe from any thread. Fault::temporary: somebody has the
  /// directory, and nobody takes a connection for some seconds; or a gateway was asked and did not
  /// answer: it is asked once.
  Result<boost::json::object> ask(std::string_view question, const boost::json::object& given);
  /// The same of a running gateway alone; nullopt when none answers.
  std::optional<Result<boost::json::object>> ask_gateway(std::string_view question,
                                                         const boost::json::object& given) const;

  /// What policies, webhooks and domains there are, to decide by them as the gateway would: too
  /// much for an answer, and secret. Beside a gateway the database is read and left as it is.
  struct Control {
    std::optional<DataLock> lock;
    std::unique_ptr<store::SqliteStore> store;  ///< closed before the lock goes
  };
  Result<Control> borrow_control() const;

  const std::filesystem::path& directory() const { return data_dir_; }

 private:
  std::mutex mutex_;
  const std::filesystem::path data_dir_;
  const Make make_;
};

}  // namespace postern::app
