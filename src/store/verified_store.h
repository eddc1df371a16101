// Results of address verification on disk, so that a restart does not ask all mail hosts again.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "store/batch_writer.h"
#include "store/database.h"

namespace postern::store {

/// One result.
struct VerifiedRow {
  std::string address;  ///< as the cache names it
  std::int64_t kind;    ///< relay::Verified::Kind; never renumbered
  std::string why;      ///< one line
  Time found;           ///< when
};

/// The database verify.db of a data directory. Thread-safe.
class VerifiedStore {
 public:
  /// Opens or creates the file. `most`: results kept; the oldest go first. Faults as of Database.
  static Result<std::unique_ptr<VerifiedStore>> open(const std::string& path, std::size_t most);

  /// The results in the file when it was opened, the oldest first. Blocks on the disk; call it
  /// once, before keep().
  Result<std::vector<VerifiedRow>> all();
  /// The result for an address. Blocks on the disk.
  Result<std::optional<VerifiedRow>> find(const std::string& address);
  /// Writes a result soon, in place of an older one. Does not block; lost if the disk is too slow.
  void keep(VerifiedRow row);
  /// Blocks until everything is written.
  void flush() {
    if (writer_) writer_->flush();
  }

 private:
  VerifiedStore(std::unique_ptr<Database> database, std::size_t most);

  std::unique_ptr<Database> database_;
  std::unique_ptr<BatchWriter> writer_;
  std::size_t most_;
  /// Rows of the file, counted on the writer's thread; a job that runs again may count its row
  /// twice, which only shortens the file.
  std::shared_ptr<std::size_t> rows_ = std::make_shared<std::size_t>(0);
};

/// The schema of verify.db.
const Schema& verified_schema();

}  // namespace postern::store
