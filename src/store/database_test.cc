#include "store/database.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "base/temporary_folder_test.h"
#include "base/version.h"

namespace postern::store {
namespace {

constexpr const char* two_migrations[] = {
    "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, note TEXT, data BLOB);",
    "CREATE TABLE part (item INTEGER NOT NULL REFERENCES item(id) ON DELETE CASCADE);",
};
constexpr Schema two_step_schema{.application_id = 0x12345678, .migrations = two_migrations};
constexpr Schema old_schema{.application_id = 0x12345678,
                            .migrations = std::span(two_migrations).first(1)};

class DatabaseTest : public ::testing::Test {
 protected:
  std::unique_ptr<Database> open(const DatabaseOptions& options = {}) {
    auto opened = Database::open(path_, two_step_schema, options);
    EXPECT_TRUE(opened) << opened.error().message;
    return std::move(*opened);
  }

  tests::TemporaryFolder folder_;
  const std::string path_ = folder_.file("test.db");
};

TEST_F(DatabaseTest, creates_a_private_file_in_wal_mode) {
  const auto database = open();
  struct stat status{};
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  const auto mode =
      database->one("PRAGMA journal_mode", [](const Row& row) { return row.text(0); });
  EXPECT_EQ(mode->value(), "wal");
  EXPECT_EQ(database->number("PRAGMA synchronous").value(), 2);
  EXPECT_EQ(database->number("PRAGMA foreign_keys").value(), 1);
  EXPECT_EQ(database->number("PRAGMA user_version").value(), 2);
  EXPECT_EQ(open({.sync = Sync::normal})->number("PRAGMA synchronous").value(), 1);
}

TEST_F(DatabaseTest, reads_back_each_type) {
  const auto database = open();
  const std::string octets("\0\xff\n", 3);
  ASSERT_TRUE(database->execute("INSERT INTO item VALUES (?,?,?,?)", 7, Secret("s3"),
                                std::optional<std::string>(), Blob{octets}));
  const auto row = database->one(
      "SELECT id,name,note,data FROM item WHERE id=?",
      [&](const Row& found) {
        EXPECT_EQ(found.integer(0), 7);
        EXPECT_TRUE(found.secret(1).equals("s3"));
        EXPECT_TRUE(found.is_null(2));
        EXPECT_EQ(found.optional_text(2), std::nullopt);
        EXPECT_EQ(found.text(3), octets);
        return true;
      },
      7);
  ASSERT_TRUE(row);
  EXPECT_TRUE(row->has_value());
}

TEST_F(DatabaseTest, times_keep_their_milliseconds) {
  const Time at = from_millis(1700000000123);
  EXPECT_EQ(to_millis(at), 1700000000123);
  const auto database = open();
  const auto back = database->one("SELECT ?", [](const Row& row) { return row.time(0); }, at);
  EXPECT_EQ(back->value(), at);
}

TEST_F(DatabaseTest, a_statement_in_use_can_be_asked_for_again) {
  const auto database = open();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(database->execute("INSERT INTO item(id,name) VALUES (?,?)", i, std::to_string(i)));
  }
  int pairs = 0;
  const char* sql = "SELECT id FROM item";
  const auto outer = database->each(
      sql, [&](const Row&) { ASSERT_TRUE(database->each(sql, [&](const Row&) { ++pairs; })); });
  ASSERT_TRUE(outer);
  EXPECT_EQ(pairs, 9);
}

TEST_F(DatabaseTest, names_the_fault_of_each_constraint) {
  const auto database = open();
  ASSERT_TRUE(database->execute("INSERT INTO item(id,name) VALUES (1,'a')"));
  EXPECT_EQ(database->execute("INSERT INTO item(id,name) VALUES (2,'a')").error().fault,
            Fault::conflict);
  EXPECT_EQ(database->execute("INSERT INTO item(id,name) VALUES (1,'b')").error().fault,
            Fault::conflict);
  EXPECT_EQ(database->execute("INSERT INTO part VALUES (99)").error().fault, Fault::not_found);
  EXPECT_EQ(database->execute("INSERT INTO item(id,name) VALUES (3,NULL)").error().fault,
            Fault::bug);
  EXPECT_EQ(database->execute("no such statement").error().fault, Fault::bug);
  EXPECT_EQ(database->number("SELECT count(*) FROM item").value(), 1);
}

TEST_F(DatabaseTest, a_transaction_is_all_or_nothing) {
  const auto database = open();
  {
    auto transaction = Transaction::begin(*database);
    ASSERT_TRUE(database->execute("INSERT INTO item(id,name) VALUES (1,'a')"));
  }
  EXPECT_EQ(database->number("SELECT count(*) FROM item").value(), 0);
  auto transaction = Transaction::begin(*database);
  EXPECT_EQ(Transaction::begin(*database).error().fault, Fault::bug);
  ASSERT_TRUE(database->execute("INSERT INTO item(id,name) VALUES (1,'a')"));
  ASSERT_TRUE(transaction->commit());
  EXPECT_EQ(transaction->commit().error().fault, Fault::bug);
  EXPECT_EQ(database->number("SELECT count(*) FROM item").value(), 1);
}

TEST_F(DatabaseTest, an_error_spoils_the_rest_of_its_transaction) {
  const auto database = open();
  auto transaction = Transaction::begin(*database);
  ASSERT_TRUE(database->execute("INSERT INTO item(id,name) VALUES (1,'a')"));
  ASSERT_FALSE(database->execute("INSERT INTO item(id,name) VALUES (1,'a')"));
  EXPECT_EQ(database->execute("INSERT INTO item(id,name) VALUES (2,'b')").error().fault,
            Fault::conflict);
  EXPECT_EQ(transaction->commit().error().fault, Fault::conflict);
  EXPECT_EQ(database->number("SELECT count(*) FROM item").value(), 0);
  EXPECT_TRUE(database->execute("INSERT INTO item(id,name) VALUES (2,'b')"));
}

TEST_F(DatabaseTest, a_full_disk_is_a_fault_of_its_own_and_rolls_back) {
  const auto database = open();
  const auto pages = database->number("PRAGMA page_count").value();
  ASSERT_TRUE(
      database->number(pages < 20 ? "PRAGMA max_page_count=20" : "PRAGMA max_page_count=40"));
  auto transaction = Transaction::begin(*database);
  ASSERT_TRUE(database->execute("INSERT INTO item(id,name) VALUES (1,'a')"));
  const auto full =
      database->execute("INSERT INTO item(id,name,data) VALUES (2,'b',zeroblob(1000000))");
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().fault, Fault::disk_full);
  EXPECT_NE(full.error().message.find("the disk is full"), std::string::npos);
  EXPECT_FALSE(database->execute("INSERT INTO item(id,name) VALUES (3,'c')"));
  EXPECT_FALSE(transaction->commit());
  EXPECT_EQ(database->number("SELECT count(*) FROM item").value(), 0);
}

TEST_F(DatabaseTest, tells_of_the_migration_of_an_older_file_alone) {
  static constexpr const char* steps[] = {"CREATE TABLE a(x);", "CREATE TABLE b(x);",
                                          "CREATE TABLE c(x);"};
  std::vector<std::pair<std::int64_t, std::int64_t>> told;
  DatabaseOptions telling;
  telling.migrates = [&](std::int64_t version, std::int64_t newest) {
    told.emplace_back(version, newest);
  };
  const std::string path = folder_.file("older.db");
  const auto open_with = [&](std::size_t known) {
    const Schema schema{.application_id = 7, .migrations = std::span(steps).first(known)};
    ASSERT_TRUE(Database::open(path, schema, telling));
  };
  open_with(1);
  EXPECT_TRUE(told.empty()) << "a new file";
  open_with(3);
  EXPECT_EQ(told, (std::vector<std::pair<std::int64_t, std::int64_t>>{{1, 3}, {2, 3}, {3, 3}}));
  told.clear();
  open_with(3);
  EXPECT_TRUE(told.empty()) << "nothing to do";
}

TEST_F(DatabaseTest, a_lock_held_too_long_is_temporary) {
  const auto first = open();
  const auto second = open({.busy_timeout = std::chrono::milliseconds(10)});
  const auto held = Transaction::begin(*first);
  ASSERT_TRUE(held);
  EXPECT_EQ(Transaction::begin(*second).error().fault, Fault::temporary);
}

TEST_F(DatabaseTest, migrates_an_older_file_and_keeps_its_rows) {
  {
    auto old = Database::open(path_, old_schema);
    ASSERT_TRUE(old);
    ASSERT_TRUE((*old)->execute("INSERT INTO item(id,name) VALUES (1,'kept')"));
    EXPECT_EQ((*old)->number("PRAGMA user_version").value(), 1);
  }
  const auto database = open();
  EXPECT_EQ(database->number("PRAGMA user_version").value(), 2);
  EXPECT_EQ(database->number("SELECT count(*) FROM item WHERE name='kept'").value(), 1);
  EXPECT_EQ(database->number("SELECT count(*) FROM part").value(), 0);
}

// A release only adds, so the one before it goes on with the file: the way back after an upgrade.
TEST_F(DatabaseTest, an_older_program_goes_on_with_what_a_newer_one_only_added_to) {
  constexpr Schema adds{
      .application_id = 0x12345678, .migrations = two_migrations, .compatible_from = 1};
  {
    auto newer = Database::open(path_, adds);
    ASSERT_TRUE(newer) << newer.error().message;
    ASSERT_TRUE((*newer)->execute("INSERT INTO item (id, name) VALUES (1, 'of the newer one')"));
    ASSERT_TRUE((*newer)->execute("INSERT INTO part VALUES (1)"));
  }
  {
    auto older = Database::open(path_, old_schema);
    ASSERT_TRUE(older) << older.error().message;
    EXPECT_EQ((*older)->number("SELECT count(*) FROM item").value(), 1);
    EXPECT_TRUE((*older)->execute("INSERT INTO item (id, name) VALUES (2, 'of the older one')"));
    EXPECT_EQ((*older)->number("PRAGMA user_version").value(), 2) << "the schema stays";
    EXPECT_TRUE(Database::open(path_, old_schema, {.use = Use::beside}));
  }
  auto again = Database::open(path_, adds);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ((*again)->number("SELECT count(*) FROM item").value(), 2);
  EXPECT_EQ((*again)->number("SELECT count(*) FROM part").value(), 1);
}

TEST_F(DatabaseTest, an_older_program_refuses_what_a_newer_one_changed_and_names_it) {
  open();
  const auto refused = Database::open(path_, old_schema);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, Fault::malformed);
  EXPECT_THAT(refused.error().message,
              testing::HasSubstr("has schema version 2, which programs from version 2 on can use, "
                                 "and this Postern has version 1"));
  EXPECT_THAT(refused.error().message,
              testing::HasSubstr("written by a newer Postern; install Postern " +
                                 std::string(current_version().number)));
  EXPECT_THAT(refused.error().message, testing::HasSubstr(path_));
}

// Later steps keep what an earlier one allowed; a file on its way there is for its own version.
TEST_F(DatabaseTest, each_step_says_who_may_use_the_file) {
  static constexpr const char* three[] = {two_migrations[0], two_migrations[1],
                                          "ALTER TABLE item ADD COLUMN more TEXT"};
  static constexpr Schema second{
      .application_id = 0x12345678, .migrations = std::span(three).first(2), .compatible_from = 2};
  static constexpr Schema third{
      .application_id = 0x12345678, .migrations = three, .compatible_from = 2};
  const auto compatible_from = [&](const Schema& schema) {
    auto opened = Database::open(path_, schema);
    EXPECT_TRUE(opened) << opened.error().message;
    return (*opened)->number("SELECT compatible_from FROM schema_origin").value();
  };
  EXPECT_EQ(compatible_from(old_schema), 1);
  EXPECT_EQ(compatible_from(third), 2);
  EXPECT_EQ(compatible_from(second), 2) << "it is opened, and nothing is changed";
  EXPECT_FALSE(Database::open(path_, old_schema));
}

TEST_F(DatabaseTest, a_failing_migration_leaves_the_file_as_it_was) {
  {
    ASSERT_TRUE(Database::open(path_, old_schema));
  }
  const char* const broken[] = {two_migrations[0],
                                "CREATE TABLE extra (x); CREATE TABLE item (y);"};
  ASSERT_FALSE(Database::open(path_, Schema{0x12345678, broken}));
  const auto again = Database::open(path_, old_schema);
  ASSERT_TRUE(again);
  EXPECT_EQ((*again)->number("SELECT count(*) FROM sqlite_schema WHERE name='extra'").value(), 0);
}

TEST_F(DatabaseTest, refuses_another_programs_database) {
  open();
  const auto refused = Database::open(path_, Schema{0x99, two_migrations});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, Fault::permanent);
  EXPECT_NE(refused.error().message.find("not the one expected"), std::string::npos);
}

TEST_F(DatabaseTest, refuses_a_file_that_is_no_database) {
  std::ofstream(path_) << std::string(5000, 'x');
  const auto refused = Database::open(path_, two_step_schema);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, Fault::permanent);
  EXPECT_NE(refused.error().message.find(path_), std::string::npos);
  EXPECT_EQ(refused.error().message.find('\n'), std::string::npos);
}

TEST_F(DatabaseTest, refuses_a_damaged_page) {
  {
    const auto database = open();
    for (int i = 0; i < 2000; ++i) {
      ASSERT_TRUE(database->execute("INSERT INTO item(id,name) VALUES (?,?)", i,
                                    std::string(100, 'n') + std::to_string(i)));
    }
    ASSERT_TRUE(database->number("PRAGMA wal_checkpoint(TRUNCATE)"));
  }
  {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096 * 3);
    file << std::string(4096 * 4, '\xee');
  }
  const auto refused = Database::open(path_, two_step_schema);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, Fault::permanent);
  EXPECT_NE(refused.error().message.find("damaged"), std::string::npos);
  EXPECT_NE(refused.error().message.find(path_), std::string::npos);
}

TEST_F(DatabaseTest, refuses_a_missing_directory_and_a_symbolic_link) {
  EXPECT_EQ(Database::open(folder_.file("none/x.db"), two_step_schema).error().fault,
            Fault::permanent);
  open();
  const std::string link = folder_.file("link.db");
  ASSERT_EQ(symlink(path_.c_str(), link.c_str()), 0);
  const auto linked = Database::open(link, two_step_schema);
  ASSERT_FALSE(linked);
  EXPECT_EQ(linked.error().fault, Fault::permanent);
  EXPECT_NE(linked.error().message.find("symbolic link"), std::string::npos);
}

/// Whether another process sees the lock of an open database (the SHARED bytes of
/// https://sqlite.org/fileformat2.html#the_lock_byte_page). Without the lock, that process removes
/// the write-ahead log when it closes the database.
bool is_locked(const std::string& path) {
  const pid_t child = fork();
  if (child == 0) {
    const int fd = ::open(path.c_str(), O_RDWR);
    struct flock asked{};
    asked.l_type = F_WRLCK;
    asked.l_whence = SEEK_SET;
    asked.l_start = 0x40000002;
    asked.l_len = 510;
    const bool told = fcntl(fd, F_GETLK, &asked) == 0;
    _exit(told && asked.l_type != F_UNLCK ? 1 : 0);
  }
  int status = 0;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

TEST_F(DatabaseTest, another_opening_of_the_same_file_keeps_its_locks) {
  const auto first = open();
  EXPECT_TRUE(is_locked(path_));
  auto second = open({.quick_check_limit = 0});
  EXPECT_TRUE(is_locked(path_)) << "the second opening closed a descriptor of its own";
  const auto reading = Database::open(path_, two_step_schema, {.use = Use::beside});
  ASSERT_TRUE(reading) << reading.error().message;
  EXPECT_TRUE(is_locked(path_));
  second.reset();
  EXPECT_TRUE(is_locked(path_)) << "closing one of them";
}

TEST_F(DatabaseTest, a_file_that_loses_its_name_fails_what_is_committed) {
  for (const std::string end : {"", "-wal", "-shm"}) {
    for (const bool replaced : {false, true}) {
      SCOPED_TRACE(end + (replaced ? " replaced" : " removed"));
      const std::string path = folder_.file(end + (replaced ? "1" : "0") + ".db");
      const auto database = Database::open(path, two_step_schema).value();
      const auto again = Database::open(path, two_step_schema).value();
      EXPECT_EQ(database->lost_file(), "");
      EXPECT_THAT(lost_files(), testing::IsEmpty());
      ASSERT_EQ(unlink((path + end).c_str()), 0);
      if (replaced) folder_.write(path.substr(folder_.path().size() + 1) + end, "x");
      EXPECT_EQ(database->lost_file(), path + end);
      EXPECT_THAT(lost_files(), testing::ElementsAre(path + end)) << "each once";
      auto transaction = Transaction::begin(*database);
      ASSERT_TRUE(transaction) << transaction.error().message;
      ASSERT_TRUE(database->execute("INSERT INTO item(id,name) VALUES (1,'a')"));
      const Result<void> kept = transaction->commit();
      ASSERT_FALSE(kept) << "a promise that nobody can keep";
      EXPECT_EQ(kept.error().fault, Fault::permanent);
      EXPECT_THAT(kept.error().message, testing::StartsWith(path + end + " was removed or rep"));
    }
  }
  EXPECT_THAT(lost_files(), testing::IsEmpty()) << "they are closed";
}

TEST_F(DatabaseTest, beside_its_owner_a_database_is_read_and_left_as_it_is) {
  ASSERT_EQ(Database::open(path_, two_step_schema, {.use = Use::beside}).error().fault,
            Fault::permanent);
  EXPECT_FALSE(std::filesystem::exists(path_));
  // As its owner left it when it was killed: no process has it open, and all data is in the log.
  const std::string copy = folder_.file("copy.db");
  {
    const auto owner = open();
    ASSERT_TRUE(owner->execute("INSERT INTO item(id,name) VALUES (1,'a')"));
    for (const std::string end : {"", "-wal"}) std::filesystem::copy(path_ + end, copy + end);
  }
  const std::string log = tests::read_file(copy + "-wal");
  ASSERT_GT(log.size(), 0u);
  {
    const auto reading = Database::open(copy, two_step_schema, {.use = Use::beside});
    ASSERT_TRUE(reading) << reading.error().message;
    EXPECT_EQ((*reading)->number("SELECT count(*) FROM item").value(), 1);
    EXPECT_FALSE((*reading)->execute("INSERT INTO item(id,name) VALUES (2,'b')"));
  }
  ASSERT_TRUE(std::filesystem::exists(copy + "-wal")) << "closing it took the log away";
  EXPECT_EQ(tests::read_file(copy + "-wal"), log);
}

TEST_F(DatabaseTest, beside_an_older_gateway_its_schema_stays) {
  const auto owner = Database::open(path_, old_schema);
  ASSERT_TRUE(owner);
  const auto reading = Database::open(path_, two_step_schema, {.use = Use::beside});
  ASSERT_FALSE(reading);
  EXPECT_THAT(reading.error().message, testing::HasSubstr("restart it"));
  EXPECT_EQ((*owner)->number("PRAGMA user_version").value(), 1);
}

TEST_F(DatabaseTest, a_log_that_has_grown_is_cut) {
  const auto owner = open();
  const auto write = [&](const std::string& octets) {
    ASSERT_TRUE(owner->execute("INSERT OR REPLACE INTO item (id, name, data) VALUES (1, 'a', ?)",
                               Blob{octets}));
  };
  const auto log_size = [&] { return std::filesystem::file_size(path_ + "-wal"); };
  constexpr std::size_t mib = std::size_t{1} << 20;
  {
    const auto reading = Database::open(path_, two_step_schema, {.use = Use::copy});
    ASSERT_TRUE(reading && (*reading)->begin_snapshot());
    const std::string large(8 * mib, 'x');
    for (int i = 0; i < 10; ++i) write(large);
    EXPECT_GT(log_size(), 72 * mib) << "a reader keeps the log from beginning again";
  }
  for (int i = 0; i < 3; ++i) write("small");
  EXPECT_LE(log_size(), 64 * mib);
}

TEST_F(DatabaseTest, a_copy_is_the_snapshot_while_the_owner_writes) {
  const auto owner = open({.busy_timeout = std::chrono::milliseconds(10)});
  ASSERT_TRUE(owner->execute("INSERT INTO item (name) VALUES ('before')"));
  const auto reading = Database::open(path_, two_step_schema, {.use = Use::copy});
  const auto holding = Database::open(path_, two_step_schema, {.use = Use::copy});
  ASSERT_TRUE(reading && holding);
  {
    const auto held = Transaction::begin(**holding);
    ASSERT_TRUE(held);
    ASSERT_TRUE((*reading)->begin_snapshot());
    EXPECT_EQ(owner->execute("INSERT INTO item (name) VALUES ('held off')").error().fault,
              Fault::temporary);
  }
  EXPECT_EQ((*reading)->begin_snapshot().error().fault, Fault::bug);
  ASSERT_TRUE(owner->execute("INSERT INTO item (name) VALUES ('after')"));
  const std::string copy = folder_.file("copy.db");
  ASSERT_TRUE((*reading)->copy_to(copy));
  struct stat status{};
  ASSERT_EQ(stat(copy.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  const auto copied = Database::open(copy, two_step_schema);
  ASSERT_TRUE(copied) << copied.error().message;
  const auto names =
      (*copied)->all("SELECT name FROM item", [](const Row& row) { return row.text(0); });
  EXPECT_EQ(*names, std::vector<std::string>{"before"});
  EXPECT_EQ(owner->number("SELECT count(*) FROM item").value(), 2);
  EXPECT_EQ(owner->lost_file(), "");
}

TEST_F(DatabaseTest, a_copy_of_an_older_schema_is_not_made) {
  ASSERT_TRUE(Database::open(path_, old_schema));
  const auto reading = Database::open(path_, two_step_schema, {.use = Use::copy});
  ASSERT_FALSE(reading);
  EXPECT_EQ(reading.error().fault, Fault::temporary);
}

}  // namespace
}  // namespace postern::store
