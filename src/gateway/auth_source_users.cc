// Sources whose users are in the configuration or in a file.
#include <sys/stat.h>

#include <fstream>
#include <map>
#include <mutex>
#include <sstream>

#include <fmt/format.h>

#include "base/text.h"
#include "gateway/auth_source_verifier.h"
#include "smtp/saslprep.h"
#include "telemetry/log.h"

namespace postern::gateway {
namespace {

using policy::PlainText;
using policy::StoredPassword;
using Table = std::map<std::string, StoredPassword, std::less<>>;

/// Adds `name:hash`; the error begins with `place`.
Result<void> add_user(Table& table, std::string_view line, PlainText plain,
                      const std::string& place) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0)
    return fail(Fault::malformed, place + ": write name:hash");
  std::string_view text = line.substr(colon + 1);
  Result<StoredPassword> stored = StoredPassword::parse(text, plain);
  if (!stored) return fail(Fault::malformed, place + ": " + stored.error().message);
  auto name = smtp::saslprep(line.substr(0, colon), smtp::Unassigned::allowed);
  if (!name) return fail(Fault::malformed, place + ": a name that SASLprep (RFC 4013) refuses");
  if (!table.emplace(std::move(*name), std::move(*stored)).second)
    return fail(Fault::malformed, place + ": a user of this name is on an earlier line");
  return {};
}

Result<void> add_file(Table& table, const std::string& file, PlainText plain) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return fail(Fault::permanent, fmt::format("cannot read {}", file));
  std::string line;
  for (int number = 1; std::getline(stream, line); ++number) {
    while (!line.empty() && is_space(line.back())) line.pop_back();
    if (line.empty() || line[0] == '#') continue;
    Result<void> added = add_user(table, line, plain, fmt::format("{} line {}", file, number));
    if (!added) return added;
  }
  return {};
}

Result<Table> read_users(const AuthSource& source, AuthFiles files) {
  Table table;
  int number = 0;
  for (const std::string& user : source.users) {
    Result<void> added =
        add_user(table, user, PlainText::refused, fmt::format("users, element {}", ++number));
    if (!added) return tl::unexpected<Error>(added.error());
  }
  if (!source.file.empty() && files == AuthFiles::read) {
    const bool fixed = source.kind == AuthSource::Kind::fixed;
    Result<void> added =
        add_file(table, source.file, fixed ? PlainText::marked : PlainText::refused);
    if (!added) return tl::unexpected<Error>(added.error());
  }
  return table;
}

/// File attributes that change when a file is replaced or written.
struct FileMark {
  ino_t inode = 0;
  off_t size = -1;
  timespec changed{};
  bool operator==(const FileMark& other) const {
    return inode == other.inode && size == other.size && changed.tv_sec == other.changed.tv_sec &&
           changed.tv_nsec == other.changed.tv_nsec;
  }
};

FileMark mark_of(const std::string& file) {
  struct stat status{};
  if (file.empty() || ::stat(file.c_str(), &status) != 0) return {};
  return {.inode = status.st_ino, .size = status.st_size, .changed = status.st_mtim};
}

/// The users, read again when the file changes. If the new file is invalid, the old users stay.
class Users {
 public:
  explicit Users(const AuthSource& source) : source_(source) {}

  Result<void> load() {
    const FileMark mark = mark_of(source_.file);
    Result<Table> table = read_users(source_, AuthFiles::read);
    if (!table) return tl::unexpected<Error>(table.error());
    const std::lock_guard lock(mutex_);
    table_ = std::make_shared<const Table>(std::move(*table));
    mark_ = mark;
    return {};
  }

  /// Blocks if the file has changed.
  std::shared_ptr<const Table> now() {
    if (!source_.file.empty() && !(mark_of(source_.file) == known_mark())) {
      const FileMark tried = mark_of(source_.file);
      if (const Result<void> loaded = load(); !loaded) {
        telemetry::log::warning("auth.source")
            .field("name", source_.name)
            .field("file", source_.file)
            .field("error", loaded.error().message)
            .msg("the users read before stay");
        const std::lock_guard lock(mutex_);
        mark_ = tried;
      }
    }
    const std::lock_guard lock(mutex_);
    return table_;
  }

 private:
  FileMark known_mark() const {
    const std::lock_guard lock(mutex_);
    return mark_;
  }

  const AuthSource source_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Table> table_;
  FileMark mark_;
};

class UsersVerifier final : public TableVerifier {
 public:
  UsersVerifier(const AuthSource& source, AuthWorkers workers, std::shared_ptr<Users> users)
      : TableVerifier(source, workers), lookups_(workers.lookups), users_(std::move(users)) {
    for (const auto& [name, stored] : *users_->now()) note(name, stored);
  }

 protected:
  Task<Stored> stored(std::string name, net::Turn turn) const override {
    auto find = [users = users_, name = std::move(name)]() -> Stored {
      const std::shared_ptr<const Table> table = users->now();
      const auto found = table->find(name);
      if (found == table->end()) return std::optional<StoredPassword>();
      return std::optional(found->second);
    };
    if (source_.file.empty()) co_return find();
    Stored answer = co_await on_thread(lookups_, std::move(turn), std::move(find));
    co_return answer;
  }

 private:
  net::WorkPool& lookups_;
  std::shared_ptr<Users> users_;
};

}  // namespace

Result<void> check_users(const AuthSource& source, AuthFiles files) {
  const Result<Table> table = read_users(source, files);
  if (!table) return tl::unexpected<Error>(table.error());
  return {};
}

OpenedSource open_users(const AuthSource& source, AuthWorkers workers) {
  auto users = std::make_shared<Users>(source);
  if (Result<void> loaded = users->load(); !loaded) return tl::unexpected<Error>(loaded.error());
  return std::make_shared<const UsersVerifier>(source, workers, std::move(users));
}

}  // namespace postern::gateway
