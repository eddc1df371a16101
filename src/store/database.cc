#include "store/database.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <mutex>

#include "base/disk_full.h"
#include "base/foreign_file.h"
#include "base/owned.h"
#include "base/version.h"

namespace postern::store {

std::int64_t to_millis(Time time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

Time from_millis(std::int64_t millis) { return Time(std::chrono::milliseconds(millis)); }

Time now() { return from_millis(to_millis(std::chrono::system_clock::now())); }

bool Row::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

std::int64_t Row::integer(int column) const { return sqlite3_column_int64(statement_, column); }

std::string_view Row::view(int column) const {
  const void* bytes = sqlite3_column_blob(statement_, column);
  if (bytes == nullptr) return {};
  return {static_cast<const char*>(bytes),
          static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

std::optional<std::string> Row::optional_text(int column) const {
  if (is_null(column)) return std::nullopt;
  return text(column);
}

std::optional<std::int64_t> Row::optional_integer(int column) const {
  if (is_null(column)) return std::nullopt;
  return integer(column);
}

std::optional<Time> Row::optional_time(int column) const {
  if (is_null(column)) return std::nullopt;
  return time(column);
}

Statement::~Statement() {
  if (statement_ != nullptr) Database::give_back(statement_, *idle_);
}

Result<bool> Statement::next() {
  if (database_->broken_) return tl::unexpected(*database_->broken_);
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return tl::unexpected(database_->error(code));
}

// A failed bind (out of memory) leaves NULL in the parameter; NOT NULL constraints reject it.
void Statement::bind(int at, std::nullptr_t) { sqlite3_bind_null(statement_, at); }

void Statement::bind_integer(int at, std::int64_t value) {
  sqlite3_bind_int64(statement_, at, value);
}

void Statement::bind(int at, std::string_view value) {
  sqlite3_bind_text64(statement_, at, value.data() == nullptr ? "" : value.data(), value.size(),
                      SQLITE_STATIC, SQLITE_UTF8);
}

void Statement::bind(int at, Blob value) {
  sqlite3_bind_blob64(statement_, at, value.bytes.data() == nullptr ? "" : value.bytes.data(),
                      value.bytes.size(), SQLITE_STATIC);
}

namespace {

/// Statistics of SQLite's memory, which nothing reads, would cost a mutex of the whole process with
/// each allocation. Set before main(): it must come before SQLite is used.
[[maybe_unused]] const int no_memory_statistics = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);

/// Creates the file with mode 0600: SQLite would apply the umask, and the file holds hashes and
/// signing secrets. An existing file is not opened: closing any descriptor of a file releases all
/// locks that the process holds on it (fcntl(2)), SQLite's included. The next program to open the
/// database would then believe it is alone and remove the write-ahead log
/// (https://sqlite.org/howtocorrupt.html §2.2). The mutex prevents a second open() from taking its
/// locks before this descriptor is closed.
Result<void> create_private(const std::string& path) {
  if (path == ":memory:") return {};
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd >= 0) {
    ::close(fd);
    return {};
  }
  const int code = errno;
  struct stat there{};
  const bool link = ::lstat(path.c_str(), &there) == 0 && S_ISLNK(there.st_mode);
  if (code == EEXIST && !link) return {};
  return fail(is_disk_full(code) ? Fault::disk_full : Fault::permanent,
              fmt::format("cannot open the database {}: {}", path,
                          link ? "it is a symbolic link" : std::strerror(code)));
}

/// Fault::denied: another user could make root's SQLite act on a journal of his
/// (base/foreign_file.h).
Result<void> for_this_user(const std::string& path) {
  const std::string why = why_not_for_root(path);
  if (why.empty()) return {};
  return fail(Fault::denied,
              fmt::format("root does not open {}: {}; run the command as the user to whom the data "
                          "directory belongs, or give directory and files to root",
                          path, why));
}

/// The file without a link on the way to it, as SQLITE_OPEN_NOFOLLOW wants it: under systemd the
/// data directory may be reached by one. The last part stays as it is.
std::string without_links(const std::string& path) {
  if (path == ":memory:") return path;
  const std::filesystem::path given(path);
  std::error_code bad;
  const std::filesystem::path folder =
      std::filesystem::canonical(given.has_parent_path() ? given.parent_path() : ".", bad);
  return bad ? path : (folder / given.filename()).string();
}

/// All Database objects of this process.
struct OpenDatabases {
  std::mutex mutex;
  std::vector<const Database*> all;
};

OpenDatabases& open_databases() {
  static auto* const made = new OpenDatabases;  // never destroyed, so it outlives every database
  return *made;
}

Fault fault_for(int extended) {
  switch (extended & 0xff) {
    case SQLITE_FULL:
      return Fault::disk_full;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_NOMEM:
      return Fault::temporary;
    case SQLITE_CONSTRAINT:
      if (extended == SQLITE_CONSTRAINT_UNIQUE || extended == SQLITE_CONSTRAINT_PRIMARYKEY) {
        return Fault::conflict;
      }
      if (extended == SQLITE_CONSTRAINT_FOREIGNKEY) return Fault::not_found;
      return Fault::bug;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return Fault::permanent;
    default:
      return Fault::bug;
  }
}

}  // namespace

Error Database::error(int code) {
  const int last = errno;
  const int extended = sqlite3_extended_errcode(handle_);
  int which = (extended & 0xff) == (code & 0xff) ? extended : code;
  // SQLite reports a full disk as an I/O error if the WAL's shared-memory file cannot grow, and
  // likewise quotas and file size limits. It does not always keep the errno of the failed call; no
  // later call has succeeded in a way that changes errno.
  const int kept = sqlite3_system_errno(handle_);
  const int system = kept != 0 ? kept : last;
  const bool full = is_disk_full(system);
  if ((which & 0xff) == SQLITE_IOERR && which != SQLITE_IOERR_FSYNC && full) which = SQLITE_FULL;
  Error made{.fault = fault_for(which)};
  switch (which & 0xff) {
    case SQLITE_FULL:
      made.message = fmt::format("the disk is full, {} cannot grow", path_);
      break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      made.message = fmt::format("{} is damaged or not a database: {}; restore it from a backup",
                                 path_, sqlite3_errmsg(handle_));
      break;
    default:
      made.message = fmt::format("{}: {}", path_, sqlite3_errmsg(handle_));
  }
  if (in_transaction_ && !broken_) broken_ = made;
  return made;
}

Result<std::unique_ptr<Database>> Database::open(const std::string& path, const Schema& schema,
                                                 const DatabaseOptions& options) {
  const bool own = options.use == Use::own;
  if (const Result<void> mine = for_this_user(path); !mine) return tl::unexpected(mine.error());
  if (own) {
    if (const Result<void> created = create_private(path); !created) {
      return tl::unexpected(created.error());
    }
  }
  std::unique_ptr<Database> database(new Database(path));
  // The caller serialises access, so SQLite's own mutexes are not needed.
  const int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW |
                    (own                        ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                     : options.use == Use::copy ? SQLITE_OPEN_READWRITE
                                                : SQLITE_OPEN_READONLY);
  if (const int code =
          sqlite3_open_v2(without_links(path).c_str(), &database->handle_, flags, nullptr);
      code != SQLITE_OK) {
    return tl::unexpected(database->error(code));
  }
  if (::geteuid() != ::getuid()) database->acting_as_ = ::geteuid();
  sqlite3_extended_result_codes(database->handle_, 1);
  if (const Result<void> set = database->configure(options); !set) {
    return tl::unexpected(set.error());
  }
  if (const Result<void> sound = database->verify(schema, options); !sound) {
    return tl::unexpected(sound.error());
  }
  if (const Result<void> current = database->migrate(schema, options); !current) {
    return tl::unexpected(current.error());
  }
  database->note_files();
  return database;
}

void Database::note_files() {
  if (path_ == ":memory:") return;
  const char* const ends[] = {"", "-wal", "-shm"};
  for (std::size_t i = 0; i < files_.size(); ++i) {
    struct stat about{};
    const std::string name = path_ + ends[i];
    if (::stat(name.c_str(), &about) == 0) files_[i] = {name, about.st_dev, about.st_ino};
  }
  OpenDatabases& open = open_databases();
  const std::lock_guard lock(open.mutex);
  open.all.push_back(this);
}

std::string Database::lost_file() const {
  for (const FileId& file : files_) {
    if (file.path.empty()) continue;
    struct stat about{};
    const int found = ::stat(file.path.c_str(), &about);
    const bool gone = found != 0 && (errno == ENOENT || errno == ENOTDIR || errno == ESTALE);
    const bool other = found == 0 && (about.st_dev != file.device || about.st_ino != file.inode);
    if (gone || other) return file.path;
  }
  return {};
}

std::vector<std::string> lost_files() {
  std::vector<std::string> names;
  OpenDatabases& open = open_databases();
  const std::lock_guard lock(open.mutex);
  for (const Database* database : open.all) {
    std::string name = database->lost_file();
    const bool known = std::ranges::find(names, name) != names.end();
    if (!name.empty() && !known) names.push_back(std::move(name));
  }
  return names;
}

Database::~Database() {
  {
    OpenDatabases& open = open_databases();
    const std::lock_guard lock(open.mutex);
    std::erase(open.all, this);
  }
  for (const auto& [sql, statement] : idle_) sqlite3_finalize(statement);
  sqlite3_close_v2(handle_);
}

Result<void> Database::begin_snapshot() {
  if (const Result<void> begun = script("BEGIN"); !begun) return begun;
  // The snapshot is taken by the first statement that reads.
  const Result<std::int64_t> read = number("SELECT count(*) FROM sqlite_schema");
  if (!read) return tl::unexpected(read.error());
  return {};
}

Result<void> Database::copy_to(const std::string& path) {
  const auto cannot = [&](int code, const char* why) {
    return fail(
        (code & 0xff) == SQLITE_FULL || is_disk_full(errno) ? Fault::disk_full : Fault::permanent,
        fmt::format("copying {} to {}: {}", path_, path, why));
  };
  if (Result<void> mine = for_this_user(path); !mine) return mine;
  if (Result<void> made = create_private(path); !made) return made;
  sqlite3* opened = nullptr;
  const int found =
      sqlite3_open_v2(without_links(path).c_str(), &opened,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, nullptr);
  const Owned<sqlite3, sqlite3_close_v2> target(opened);
  if (found != SQLITE_OK) return cannot(found, sqlite3_errstr(found));
  // Half a copy is thrown away, so it needs no journal.
  sqlite3_exec(opened, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;", nullptr, nullptr,
               nullptr);
  sqlite3_backup* const copy = sqlite3_backup_init(opened, "main", handle_, "main");
  if (copy == nullptr) return cannot(sqlite3_errcode(opened), sqlite3_errmsg(opened));
  const int stepped = sqlite3_backup_step(copy, -1);
  const int finished = sqlite3_backup_finish(copy);
  if (stepped == SQLITE_DONE && finished == SQLITE_OK) return {};
  return cannot(stepped, sqlite3_errstr(stepped));
}

Result<void> Database::same_user() const {
  if (!acting_as_ || *acting_as_ == ::geteuid()) return {};
  return fail(Fault::bug, fmt::format("{} was opened by uid {} and is used by uid {}", path_,
                                      *acting_as_, ::geteuid()));
}

void Database::interrupt() { sqlite3_interrupt(handle_); }

Result<void> Database::script(const char* sql) {
  if (Result<void> same = same_user(); !same) return same;
  const int code = sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return tl::unexpected(error(code));
  return {};
}

Result<void> Database::configure(const DatabaseOptions& options) {
  sqlite3_busy_timeout(handle_, static_cast<int>(options.busy_timeout.count()));
  // A hostile file must not run functions through its schema (triggers, views).
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  if (options.use != Use::own) {
    // The last connection to close would checkpoint the log and remove it: that is the gateway's
    // task.
    sqlite3_db_config(handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    return script(options.use == Use::copy ? "PRAGMA temp_store=MEMORY;"
                                           : "PRAGMA query_only=ON; PRAGMA temp_store=MEMORY;");
  }
  // Deleted values (hashes, secrets) are overwritten on their page.
  const bool full = options.sync == Sync::full;
  if (options.page_size != 0) {  // of a new file; an existing one keeps its page size
    const std::string page = fmt::format("PRAGMA page_size={}", options.page_size);
    if (Result<void> set = script(page.c_str()); !set) return set;
  }
  // A log that has grown behind a long read, as that of a backup, is cut when it begins again. The
  // limit is above what automatic checkpoints leave, so that it costs nothing otherwise.
  if (Result<void> set = script("PRAGMA journal_size_limit=67108864"); !set) return set;
  return script(full ? "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
                       "PRAGMA secure_delete=ON; PRAGMA temp_store=MEMORY;"
                     : "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;"
                       "PRAGMA secure_delete=FAST; PRAGMA temp_store=MEMORY;");
}

Result<void> Database::verify(const Schema& schema, const DatabaseOptions& options) {
  const Result<std::int64_t> id = number("PRAGMA application_id");
  if (!id) return tl::unexpected(id.error());
  const Result<std::int64_t> tables = number("SELECT count(*) FROM sqlite_schema");
  if (!tables) return tl::unexpected(tables.error());
  if (*tables > 0 && static_cast<std::uint32_t>(*id) != schema.application_id) {
    return fail(Fault::permanent,
                fmt::format("{} is an SQLite database, but not the one expected here", path_));
  }
  struct stat status{};
  const bool small = ::stat(path_.c_str(), &status) == 0 &&
                     static_cast<std::uint64_t>(status.st_size) <= options.quick_check_limit;
  if (!small) return {};
  const auto verdict = one("PRAGMA quick_check(1)", [](const Row& row) { return row.text(0); });
  if (!verdict) return tl::unexpected(verdict.error());
  if (verdict->value_or("ok") == "ok") return {};
  return fail(Fault::permanent, fmt::format("{} is damaged: {}; restore it from a backup", path_,
                                            verdict->value_or("")));
}

Result<Database::Origin> Database::origin(std::int64_t version) {
  // Files of versions that did not write the table are for their own version alone.
  Origin found{.compatible_from = version, .postern = {}};
  const Result<std::int64_t> known =
      number("SELECT count(*) FROM sqlite_schema WHERE type='table' AND name='schema_origin'");
  if (!known) return tl::unexpected(known.error());
  if (*known == 0) return found;
  const auto row = one("SELECT compatible_from, postern FROM schema_origin",
                       [](const Row& row) { return Origin{row.integer(0), row.text(1)}; });
  if (!row) return tl::unexpected(row.error());
  return row->value_or(found);
}

Result<void> Database::note_origin(std::int64_t version, const Schema& schema) {
  const auto declared = static_cast<std::int64_t>(schema.compatible_from);
  const std::int64_t compatible = declared == 0 ? version : std::min(declared, version);
  const Result<void> made = script(
      "CREATE TABLE IF NOT EXISTS schema_origin (only INTEGER PRIMARY KEY CHECK (only = 1),"
      " compatible_from INTEGER NOT NULL, postern TEXT NOT NULL) STRICT");
  if (!made) return made;
  const auto kept = execute("INSERT OR REPLACE INTO schema_origin VALUES (1, ?, ?)", compatible,
                            current_version().number);
  if (!kept) return tl::unexpected(kept.error());
  return {};
}

Result<void> Database::migrate(const Schema& schema, const DatabaseOptions& options) {
  const Result<std::int64_t> version = number("PRAGMA user_version");
  if (!version) return tl::unexpected(version.error());
  const auto newest = static_cast<std::int64_t>(schema.migrations.size());
  if (*version > newest) {
    const Result<Origin> origin = this->origin(*version);
    if (!origin) return tl::unexpected(origin.error());
    if (origin->compatible_from <= newest) return {};
    return fail(
        Fault::malformed,
        fmt::format("{} has schema version {}, which programs from version {} on can use, and this "
                    "Postern has version {}: it was written by a newer Postern; install {} or "
                    "restore a backup",
                    path_, *version, origin->compatible_from, newest,
                    origin->postern.empty() ? "that one" : "Postern " + origin->postern));
  }
  if (options.use != Use::own && *version < newest) {
    return fail(Fault::temporary,
                fmt::format("{} has schema version {} and this Postern reads {}: the gateway that "
                            "has it open is an older one; restart it",
                            path_, *version, newest));
  }
  const bool tells = options.migrates && *version > 0 && *version < newest;  // not of a new file
  for (std::int64_t at = *version; at < newest; ++at) {
    if (tells) options.migrates(at, newest);
    Result<Transaction> transaction = Transaction::begin(*this);
    if (!transaction) return tl::unexpected(transaction.error());
    const std::string mark = fmt::format("PRAGMA application_id={}; PRAGMA user_version={};",
                                         schema.application_id, at + 1);
    if (const Result<void> done = script(schema.migrations[at]); !done) return done;
    if (const Result<void> done = script(mark.c_str()); !done) return done;
    if (const Result<void> done = note_origin(at + 1, schema); !done) return done;
    if (const Result<void> done = transaction->commit(); !done) return done;
  }
  if (tells) options.migrates(newest, newest);
  return {};
}

Result<Statement> Database::prepare(std::string_view sql) {
  if (broken_) return tl::unexpected(*broken_);
  if (Result<void> same = same_user(); !same) return tl::unexpected(same.error());
  auto cached = idle_.find(sql);
  if (cached != idle_.end() && cached->second != nullptr) {
    return Statement(*this, std::exchange(cached->second, nullptr), cached->second);
  }
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return tl::unexpected(error(code));
  if (cached == idle_.end()) cached = idle_.try_emplace(std::string(sql)).first;
  return Statement(*this, statement, cached->second);
}

void Database::give_back(sqlite3_stmt* statement, sqlite3_stmt*& idle) {
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);  // leave no secret in a parameter
  if (idle == nullptr) {
    idle = statement;
  } else {
    sqlite3_finalize(statement);  // a second statement with the same text was in use
  }
}

std::int64_t Database::last_row() const { return sqlite3_last_insert_rowid(handle_); }

Result<std::int64_t> Database::finish(Statement& statement) {
  while (true) {
    const Result<bool> more = statement.next();
    if (!more) return tl::unexpected(more.error());
    if (!*more) return sqlite3_changes64(handle_);
  }
}

Result<Transaction> Transaction::begin(Database& database) {
  if (database.in_transaction_) {
    return fail(Fault::bug, fmt::format("{}: a transaction is already open", database.path_));
  }
  if (const Result<void> begun = database.script("BEGIN IMMEDIATE"); !begun) {
    return tl::unexpected(begun.error());
  }
  database.in_transaction_ = true;
  return Transaction(database);
}

Transaction::~Transaction() {
  if (database_ != nullptr) rollback();
}

void Transaction::rollback() {
  database_->in_transaction_ = false;
  ++database_->rollbacks_;
  database_->broken_.reset();
  // SQLite may have rolled back by itself (disk full, I/O error): nothing is left to undo.
  if (sqlite3_get_autocommit(database_->handle_) == 0) {
    sqlite3_exec(database_->handle_, "ROLLBACK", nullptr, nullptr, nullptr);
  }
  database_ = nullptr;
}

Result<void> Transaction::commit() {
  if (database_ == nullptr) return fail(Fault::bug, "this transaction is over");
  if (database_->broken_) {
    Error first = *database_->broken_;
    rollback();
    return tl::unexpected(std::move(first));
  }
  if (const Result<void> done = database_->script("COMMIT"); !done) {
    rollback();
    return done;
  }
  database_->in_transaction_ = false;
  const std::string lost = database_->lost_file();
  database_ = nullptr;
  if (lost.empty()) return {};
  return fail(Fault::permanent,
              fmt::format("{} was removed or replaced while it was open: what is written is lost "
                          "in a crash; stop the gateway cleanly, never kill it, and start it again",
                          lost));
}

}  // namespace postern::store
