#include "backup/integrity.h"

#include <fmt/format.h>

#include "backup/backup.h"

namespace postern::backup {

Result<std::vector<std::string>> faults_of(store::Database& database, int limit) {
  std::vector<std::string> faults;
  const Result<void> read =
      database.each(fmt::format("PRAGMA integrity_check({})", limit), [&](const store::Row& row) {
        if (row.text(0) != "ok") faults.emplace_back(row.text(0));
      });
  if (!read) return tl::unexpected(read.error());
  return faults;
}

std::vector<DatabaseState> look_at_databases(const std::filesystem::path& data_dir) {
  std::vector<DatabaseState> states;
  for (const StoreFile& store : store_files()) {
    std::error_code unreadable;
    const std::filesystem::path path = data_dir / store.name;
    if (!std::filesystem::exists(path, unreadable)) continue;
    DatabaseState state{.name = std::string(store.name), .trouble = {}, .wrong = {}};
    auto database = store::Database::open(path.string(), *store.schema,
                                          {.use = store::Use::copy, .quick_check_limit = 0});
    if (!database) {
      state.trouble = database.error().message;
    } else if (auto faults = faults_of(**database, 20); faults) {
      state.wrong = std::move(*faults);
    } else {
      state.wrong = {faults.error().message};
    }
    states.push_back(std::move(state));
  }
  return states;
}

}  // namespace postern::backup
