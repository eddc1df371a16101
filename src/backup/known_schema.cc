#include "backup/known_schema.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/descriptor.h"
#include "base/text.h"

namespace postern::backup {
namespace {

using store::Database;

/// No schema has so many versions.
constexpr std::uint32_t most_versions = 100'000;
/// The file's header (https://sqlite.org/fileformat2.html#the_database_header).
constexpr std::size_t header_size = 100;
constexpr std::size_t version_at = 60;

/// PRAGMA user_version, from the header; 0: it has none, or there is no header.
std::uint32_t version_of(const std::string& path) {
  std::array<char, header_size> header{};
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.is_open() || ::read(file.get(), header.data(), header_size) != header_size) return 0;
  std::uint32_t version = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    version = version << 8 | static_cast<unsigned char>(header[version_at + i]);
  }
  return version;
}

/// A line for each table, index, trigger and view, and what made it.
Result<std::vector<std::string>> declared(const std::string& path, const store::Schema& schema,
                                          store::Use use) {
  const auto database = Database::open(path, schema, {.use = use, .quick_check_limit = 0});
  if (!database) return tl::unexpected(database.error());
  std::vector<std::string> all;
  const Result<void> read = (*database)->each(
      "SELECT type || ' ' || name || ' of ' || tbl_name, coalesce(sql, '') FROM sqlite_schema",
      [&](const store::Row& row) { all.push_back(row.text(0) + '\n' + row.text(1)); });
  if (!read) return tl::unexpected(read.error());
  return all;
}

std::string name_of(std::string_view one) { return printable(one.substr(0, one.find('\n')), 200); }

bool is_passive(std::string_view one) {
  return one.starts_with("index ") ||
         (one.starts_with("table ") &&
          upper(one.substr(one.find('\n') + 1)).starts_with("CREATE TABLE "));
}

}  // namespace

Result<void> declares_the_known(const std::string& path, const store::Schema& schema) {
  const auto wrong = [&](std::string_view what) {
    return fail(Fault::malformed, fmt::format("{} is not as Postern makes it: {}",
                                              path.substr(path.rfind('/') + 1), what));
  };
  const std::uint32_t version = version_of(path);
  if (version == 0 || version > most_versions) return wrong("it has no version");
  const std::size_t newest = schema.migrations.size();
  // With as many migrations as the file has versions, open() has nothing to do.
  const std::vector<const char*> none(version, "");
  store::Schema then = schema;
  then.migrations =
      version > newest ? std::span<const char* const>(none) : schema.migrations.first(version);
  const auto found = declared(path, then, store::Use::copy);
  if (!found) return wrong(found.error().message);
  const auto known = declared(":memory:", version > newest ? schema : then, store::Use::own);
  if (!known) return tl::unexpected(known.error());
  if (version > newest) {
    const auto runs = std::ranges::find_if(*found, [&](const std::string& one) {
      return !is_passive(one) && std::ranges::find(*known, one) == known->end();
    });
    return runs == found->end() ? Result<void>() : wrong(name_of(*runs));
  }
  for (const std::string& one : *found) {
    if (std::ranges::find(*known, one) == known->end()) return wrong(name_of(one));
  }
  for (const std::string& one : *known) {
    // Files of the first versions do not have this table (docs/decisions/0069-schema-versions.md).
    if (one.starts_with("table schema_origin of ")) continue;
    if (std::ranges::find(*found, one) == found->end()) return wrong(name_of(one) + " is missing");
  }
  return {};
}

}  // namespace postern::backup
