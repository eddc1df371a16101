// Whether the databases of a data directory are sound, read beside a gateway or without one.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "store/database.h"

namespace postern::backup {

/// What SQLite says about one database.
struct DatabaseState {
  std::string name;                ///< "postern.db"
  std::string trouble;             ///< why it could not be read; empty: it was
  std::vector<std::string> wrong;  ///< at most 20 faults, in SQLite's words; empty: it is sound
};

/// Those that exist in `data_dir`. Nothing is written, and a gateway goes on. Reads each file in
/// whole: blocks for a second for each few hundred MiB.
std::vector<DatabaseState> look_at_databases(const std::filesystem::path& data_dir);

/// The faults of an open database, at most `limit`.
Result<std::vector<std::string>> faults_of(store::Database& database, int limit);

}  // namespace postern::backup
