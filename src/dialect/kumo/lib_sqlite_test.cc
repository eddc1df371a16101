#include <sqlite3.h>

#include <filesystem>
#include <thread>

#include "base/growth_test.h"
#include "base/patience_test.h"
#include "base/temporary_folder_test.h"
#include "dialect/kumo/lib_test.h"
#include "dialect/kumo/library.h"
#include "dialect/sqlite_connection.h"
#include "policy/inquiry.h"

namespace postern::dialect::kumo {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class Nobody final : public policy::Gatherer {
 public:
  Task<void> gather(policy::Need, policy::Evidence&) override { co_return; }
};

struct LibSqlite : ::testing::Test {
  LibSqlite() {
    sqlite3* raw = nullptr;
    EXPECT_EQ(sqlite3_open(folder.file("auth.db").c_str(), &raw), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(raw,
                           "create table auth (user text, pass text, role text, quota real);"
                           "insert into auth values ('scott', 'tiger', 'sender', 10.5);"
                           "insert into auth values ('amy', 'x''y', null, 3);"
                           "insert into auth values ('zoë', x'00ff', 'admin', null);",
                           nullptr, nullptr, nullptr),
              SQLITE_OK);
    sqlite3_close(raw);
  }

  /// Runs a script with `db` open.
  std::string answer(const std::string& text, script::Limits limits = {.time = tests::patience}) {
    return library.answer(
        "local sqlite = require 'sqlite' local db = sqlite.open 'auth.db' " + text, limits);
  }
  void expect(const std::vector<std::pair<std::string, std::string>>& cases) {
    for (const auto& [text, wanted] : cases) EXPECT_EQ(answer(text), wanted) << text;
  }
  std::size_t open_files() const {
    std::size_t count = 0;
    for (const auto& one : std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code gone;
      const std::string file = std::filesystem::read_symlink(one, gone).string();
      if (!gone && file.ends_with("/auth.db")) ++count;
    }
    return count;
  }

  tests::TemporaryFolder folder;
  testing::Library library{{sqlite_functions()}, {.directory = folder.path(), .roots = {}}};
};

TEST_F(LibSqlite, results_are_counts_lists_and_rows) {
  expect({
      {"result(db:execute 'select user from auth order by user')", R"(["amy","scott","zoë"])"},
      {"local r = db:execute('select user, role, quota from auth where user = ?', 'scott') "
       "result(#r, r[1].user, r[1].role, r[1].quota)",
       R"(1 "scott" "sender" 1.05E1)"},
      {"local r = db:execute('select user, role from auth where user = :who', {who = 'amy'})[1] "
       "result(r.user, r.role)",
       R"("amy" null)"},
      {"local r = db:execute('select role from auth order by user') result(r[1], r[2], r[3])",
       R"(null "sender" "admin")"},
      {"local n = db:execute('select user from auth where user = ?', 'x') "
       "local m = db:execute('select user, pass from auth where user = ?', 'x') "
       "result(#n, n[1], #m, m[1], next(m) == nil)",
       "0 null 0 null true"},
      {"result(#db:execute(\"select pass from auth where user = 'zoë'\")[1], "
       "db:execute('select user from auth where pass = ?', \"x'y\"), "
       "db:execute('select 1 as a, 2 as b, 9007199254740993 as c')[1].c)",
       R"(2 ["amy"] 9007199254740993)"},
      {"result(db:execute('select ?1 || ?2 || ?1', 'a', 'b')[1], "
       "db:execute('select @a + $b', {a = 1, b = 2})[1], #db:execute('select ?', 'a\\0b')[1])",
       R"("aba" 3 3)"},
  });
}

TEST_F(LibSqlite, nobody_is_let_in_by_quotes_or_missing_values) {
  expect({
      {"result(#db:execute('select user from auth where user = ? and pass = ?', 'scott', \"' or "
       "1=1 --\"), #db:execute('select user from auth where user is ?', nil))",
       "0 0"},
      {"db:execute('select ?', true)",
       "error: policy.lua:1: sqlite: only strings, numbers and nil are values of parameters"},
      {"result(db:execute('select ? + ?', {1, 2}), db:execute('select :a, :b', {a = 1})[1])",
       R"([3] {":a":1})"},
      {"db:execute('select ?', {1, 2})",
       "error: policy.lua:1: sqlite: the statement has 1 parameters, 2 values are given"},
      {"db:execute('select ?, :b', {b = 1})",
       "error: policy.lua:1: sqlite: a table of names has no value for the statement's `?`"},
      {"db:execute('select ?', {})",
       "error: policy.lua:1: sqlite: a table of names has no value for the statement's `?`"},
      {"db:execute 'select 1\\0; delete from auth'",
       "error: policy.lua:1: sqlite: the statement has a NUL in it"},
      {"db:execute('select ?, ?', 'a')",
       "error: policy.lua:1: sqlite: the statement has 2 parameters, 1 values are given"},
      {"db:execute('select ?', 'a', 'b')",
       "error: policy.lua:1: sqlite: the statement has 1 parameters, 2 values are given"},
      {"db:execute('select :a', {b = 1})",
       "error: policy.lua:1: sqlite: the statement has no parameter :b"},
      {"db:execute 'select 1; delete from auth'",
       "error: policy.lua:1: sqlite: one statement a call"},
      {"db:execute '-- nothing'", "error: policy.lua:1: sqlite: there is no statement"},
      {"result(db:execute 'select 1; -- a comment\\n')", "[1]"},
  });
  EXPECT_THAT(
      answer("db:execute('select * from nowhere where x = ?', 's3cr3t-Pa55')"),
      ::testing::AllOf(HasSubstr("sqlite: no such table: nowhere"), Not(HasSubstr("s3cr3t"))));
}

TEST_F(LibSqlite, files_are_read_only_and_not_created) {
  expect({
      {"db:execute 'delete from auth'",
       "error: policy.lua:1: sqlite: attempt to write a readonly database"},
      {"sqlite.open 'nowhere.db'", "error: policy.lua:1: sqlite: cannot open " +
                                       folder.file("nowhere.db") + ": No such file or directory"},
      {"sqlite.open('nowhere.db', 500, 'rw')", "error: policy.lua:1: sqlite: cannot open " +
                                                   folder.file("nowhere.db") +
                                                   ": No such file or directory"},
      {"sqlite.open '.'", "error: policy.lua:1: sqlite: cannot open " + folder.file(".") + ": " +
                              folder.file(".") + " is not a regular file"},
      {"sqlite.open('auth.db', 500, 'w')", "error: policy.lua:1: sqlite: the mode is 'ro' or 'rw'"},
      {"sqlite.open('auth.db', -1)",
       "error: policy.lua:1: sqlite: busy_ms is a number of milliseconds, 60000 at most"},
      {"sqlite.open ''", "error: policy.lua:1: sqlite: a path is expected"},
      {"result(#db:execute 'select user from auth')", "3"},
      {"local rw = sqlite.open('" + folder.file("auth.db") +
           "', 100, 'rw') "
           "result(rw:execute(\"update auth set quota = 1\"), rw:execute 'create table t (x)', "
           "rw:execute \"delete from auth where user = 'amy'\", #db:execute 'select user from "
           "auth')",
       "3 0 1 2"},
  });
  EXPECT_FALSE(std::filesystem::exists(folder.file("nowhere.db")));
  folder.write("text.db", std::string(1000, 'x'));
  EXPECT_THAT(answer("sqlite.open 'text.db':execute 'select 1 from t'"),
              HasSubstr("file is not a database"));
}

TEST_F(LibSqlite, a_connection_has_one_file) {
  const std::string denied =
      "error: policy.lua:1: sqlite: ATTACH and VACUUM INTO are refused, a connection has one "
      "database";
  for (const char* file : {"made.db", "auth.db"}) {
    const std::string path = "'" + folder.file(file) + "'";
    for (const char* base : {"db", "sqlite.open ':memory:'", "sqlite.open('auth.db', 9, 'rw')"}) {
      for (const std::string& sql :
           std::vector<std::string>{"attach " + path + " as x", "attach '' as x",
                                    "attach ':memory:' as x", "vacuum into " + path}) {
        EXPECT_EQ(answer("local b = " + std::string(base) + " b:execute(\"" + sql + "\")"), denied)
            << base << sql;
      }
    }
  }
  EXPECT_EQ(answer("db:execute('attach ? as x', 'made.db')"), denied);
  EXPECT_FALSE(std::filesystem::exists(folder.file("made.db")));
  expect({{"local rw = sqlite.open('auth.db', 9, 'rw') result(rw:execute 'vacuum')", "0"},
          {"local m = sqlite.open ':memory:' m:execute 'create table t (a)' "
           "result(m:execute 'vacuum')",
           "0"}});
}

TEST_F(LibSqlite, the_gateways_own_databases_are_closed) {
  const std::string own = folder.file("data");
  for (const char* made : {"data/spool", "data/policy/deep", "elsewhere"}) {
    std::filesystem::create_directories(folder.file(made));
  }
  for (const char* copy : {"data/postern.db", "data/spool/spool.db", "data/policy/auth.db",
                           "data/policy/deep/auth.db", "elsewhere/auth.db"}) {
    std::filesystem::copy(folder.file("auth.db"), folder.file(copy));
  }
  std::filesystem::create_symlink(folder.file("data/postern.db"), folder.file("link.db"));
  std::filesystem::create_hard_link(folder.file("data/postern.db"), folder.file("hard.db"));
  std::filesystem::create_directory_symlink(own, folder.file("linked"));
  const auto opened = [&](const std::string& directory, const std::string& path) {
    testing::Library confined{{sqlite_functions()},
                              {.directory = directory, .roots = {}, .closed = {own}}};
    const auto with = [&](const std::string& mode) {
      return confined.answer("local db = require 'sqlite'.open('" + path + "', 9, '" + mode +
                             "') result(#db:execute 'select * from auth')");
    };
    EXPECT_EQ(with("rw"), with("ro"));
    return with("ro");
  };
  const std::string closed = "it lies where the gateway keeps its own (server.data_dir)";
  for (const std::string path :
       {"data/postern.db", "data/spool/spool.db", "link.db", "hard.db", "linked/postern.db",
        "elsewhere/../data/postern.db", "./data//spool/../postern.db", "data/policy/auth.db"}) {
    EXPECT_THAT(opened(folder.path(), path), HasSubstr(closed)) << path;
    EXPECT_THAT(opened(folder.path(), folder.file(path)), HasSubstr(closed)) << path;
  }
  EXPECT_EQ(opened(folder.path(), "auth.db"), "3");
  EXPECT_EQ(opened(folder.path(), "elsewhere/auth.db"), "3");
  // A policy inside that folder may open the files beside it.
  EXPECT_EQ(opened(folder.file("data/policy"), "auth.db"), "3");
  EXPECT_EQ(opened(folder.file("data/policy"), "deep/auth.db"), "3");
  EXPECT_THAT(opened(folder.file("data/policy"), "../postern.db"), HasSubstr(closed));
  EXPECT_THAT(opened(own, "postern.db"), HasSubstr(closed));
}

// `lua.policy` may be relative to the folder in which the gateway was started.
TEST_F(LibSqlite, a_policys_folder_may_be_relative) {
  std::filesystem::create_directory(folder.file("more"));
  std::filesystem::copy(folder.file("auth.db"), folder.file("more/auth.db"));
  const std::string relative = std::filesystem::relative(folder.path()).string();
  ASSERT_FALSE(std::filesystem::path(relative).is_absolute());
  for (const std::string& directory : {relative, "./" + relative}) {
    testing::Library there{{sqlite_functions()}, {.directory = directory, .roots = {}}};
    for (const std::string& path :
         {std::string("auth.db"), std::string("more/auth.db"), folder.file("auth.db")}) {
      for (const char* mode : {"ro", "rw"}) {
        EXPECT_EQ(there.answer("local db = require 'sqlite'.open('" + path + "', 9, '" + mode +
                               "') result(#db:execute 'select * from auth')"),
                  "3")
            << directory << " " << path << " " << mode;
      }
    }
    EXPECT_THAT(there.answer("require 'sqlite'.open 'nowhere.db'"),
                HasSubstr("cannot open " + directory + "/nowhere.db: No such file"));
  }
}

// Some pragmas affect the whole process: with a heap limit of 1, no database works any more.
TEST_F(LibSqlite, pragmas_stay_within_their_connection) {
  const char* refused[] = {"hard_heap_limit = 1",
                           "soft_heap_limit(1)",
                           "Hard_Heap_Limit = 1",
                           "main.cache_size = 1",
                           "temp_store_directory = '/'",
                           "data_store_directory = '/'",
                           "writable_schema = 1",
                           "mmap_size = 1",
                           "max_page_count = 9",
                           "journal_mode = wal",
                           "page_size = 65536",
                           "shrink_memory",
                           "wal_checkpoint",
                           "threads = 8",
                           "optimize",
                           "locking_mode = exclusive"};
  for (const char* base : {"db", "sqlite.open ':memory:'", "sqlite.open('auth.db', 9, 'rw')"}) {
    for (const std::string pragma : refused) {
      const std::string done =
          answer("local b = " + std::string(base) + " b:execute \"PRAGMA " + pragma + "\"");
      EXPECT_THAT(done, HasSubstr("error: policy.lua:1: sqlite: PRAGMA ")) << base << pragma;
      EXPECT_THAT(done, HasSubstr(" is refused")) << base << pragma;
    }
  }
  expect({
      {"result(#db:execute 'PRAGMA table_info(auth)', #db:execute 'pragma table_list' > 0, "
       "db:execute 'PRAGMA user_version', db:execute 'PRAGMA query_only = 1', "
       "db:execute 'PRAGMA query_only')",
       "4 true [0] 0 [1]"},
      {"result(db:execute \"select name from pragma_table_info('auth')\")",
       R"(["user","pass","role","quota"])"},
      {"local rw = sqlite.open('auth.db', 9, 'rw') rw:execute 'PRAGMA user_version = 7' "
       "result(rw:execute 'PRAGMA user_version', rw:execute 'PRAGMA foreign_keys = on', "
       "rw:execute 'PRAGMA journal_mode')",
       R"([7] 0 ["delete"])"},
  });
}

TEST_F(LibSqlite, databases_in_memory_are_bounded) {
  const std::string fill =
      " with recursive n(i) as (select 1 union all select i + 1 from n limit 64) "
      "select zeroblob(1000000) from n";
  EXPECT_EQ(answer("sqlite.open ':memory:':execute 'create table t as" + fill + "'"),
            "error: policy.lua:1: sqlite: database or disk is full");
  EXPECT_EQ(answer("db:execute 'create temp table t as" + fill + "'"),
            "error: policy.lua:1: sqlite: database or disk is full");
}

TEST_F(LibSqlite, memory_and_closing) {
  expect({
      {"local m = sqlite.open ':memory:' m:execute 'CREATE TABLE people (name, age)' "
       "m:execute('INSERT INTO people (name, age) values (?, ?)', 'john', 42) "
       "m:execute('INSERT INTO people (name, age) values (:name, :age)', {name = 'fred', age = 32})"
       "local ages = m:execute 'select age from people order by age' "
       "local gone = m:execute 'delete from people' m:close() "
       "result(ages, gone, pcall(m.execute, m, 'select 1'))",
       R"([32,42] 2 false "sqlite: the connection is closed")"},
      {"db:close() db:close() result(pcall(db.execute, db, 'select 1'))",
       R"(false "sqlite: the connection is closed")"},
  });
}

TEST_F(LibSqlite, work_and_results_are_bounded) {
  const std::string endless =
      "with recursive n(x) as (select 1 union all select x + 1 from n) select ";
  EXPECT_THAT(answer("db:execute '" + endless + "count(*) from n'",
                     {.time = std::chrono::milliseconds(100)}),
              HasSubstr("sqlite: it took too long"));
  expect({
      {"db:execute '" + endless + "x from n'", "error: policy.lua:1: sqlite: more than 10000 rows"},
      {"db:execute '" + endless + "zeroblob(1000000) from n'",
       "error: policy.lua:1: sqlite: more than 8 MiB of result"},
      {"db:execute 'select zeroblob(9000000)'",
       "error: policy.lua:1: sqlite: string or blob too big"},
      {"result(#db:execute '" + endless + "x from n limit 10000')", "10000"},
  });
}

/// The answer of SQLite without the connection's own functions.
std::string plain_answer(const std::string& expression) {
  sqlite3* raw = nullptr;
  EXPECT_EQ(sqlite3_open(":memory:", &raw), SQLITE_OK);
  sqlite3_stmt* statement = nullptr;
  const std::string sql = "select quote(" + expression + ")";
  EXPECT_EQ(sqlite3_prepare_v2(raw, sql.c_str(), -1, &statement, nullptr), SQLITE_OK) << sql;
  EXPECT_EQ(sqlite3_step(statement), SQLITE_ROW) << sql;
  std::string text = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
  sqlite3_finalize(statement);
  sqlite3_close(raw);
  return text;
}

TEST_F(LibSqlite, functions_of_texts_are_those_of_sqlite) {
  std::vector<std::string> expressions;
  const char* texts[] = {"null", "''",  "'a'",        "'aabaa'", "'zoë zoë'", "'ë'",
                         "12",   "1.5", "x'616200'",  "x'c3ab'", "'ab'",      "'  a '",
                         "x''",  "-7",  "'xyxabcyx'", "'😀a'"};
  for (const std::string text : texts) {
    for (const std::string what : texts) {
      for (const char* name : {"instr", "trim", "ltrim", "rtrim"}) {
        expressions.push_back(std::string(name) + "(" + text + ", " + what + ")");
      }
      for (const char* with : {"null", "''", "'--'", "3", "x'00'"}) {
        expressions.push_back("replace(" + text + ", " + what + ", " + with + ")");
      }
    }
  }
  auto connection = SqliteConnection({.path = ":memory:"});
  const auto later = script::Clock::now() + tests::patience;
  for (const std::string& one : expressions) {
    const json::value said = connection.execute("select quote(" + one + ")", {}, later);
    EXPECT_EQ(said.as_array().at(0).as_string(), plain_answer(one)) << one;
  }
}

// The deadline does not interrupt a single function, so none may take long.
TEST_F(LibSqlite, no_step_of_work_takes_long) {
  for (const std::string expression : {"instr(?1, substr(?1, 1, length(?1) / 2) || 'b')",
                                       "replace(?1, substr(?1, 1, length(?1) / 2) || 'b', '')",
                                       "trim(?1, ?2)", "rtrim(?1, ?1 || 'b')"}) {
    const auto work = [&](std::size_t size) {
      const std::string length = std::to_string(size);
      EXPECT_THAT(answer("result(db:execute(\"select length(" + expression +
                         ") where ?2 is not null\", string.rep('a', " + length +
                         "), string.rep('b', " + length + ")))"),
                  ::testing::StartsWith("["))
          << expression;
    };
    // SQLite's own functions take sixteen times as long: the square.
    EXPECT_LT(tests::growth(50'000, work), 9) << expression;
  }
  EXPECT_THAT(answer("db:execute(\"select ?1 like '%' || substr(?1, 1, 1000) || 'b'\", "
                     "string.rep('a', 1000000))"),
              HasSubstr("pattern too complex"));
  EXPECT_THAT(answer("db:execute 'select zeroblob(1200000)'"), HasSubstr("too big"));
  EXPECT_THAT(answer("db:execute \"select json_patch('{}', '{}')\""),
              HasSubstr("sqlite: json_patch() is refused"));
}

TEST_F(LibSqlite, a_job_that_was_given_up_keeps_nobody_waiting) {
  bool gave_up = false;
  // A busy machine gets more time for the two to meet.
  for (std::chrono::milliseconds time(500); !gave_up && time < tests::patience; time *= 4) {
    SqliteConnection connection({.path = ":memory:"});
    const auto now = script::Clock::now();
    std::atomic<bool> ended = false;
    std::thread busy([&] {
      EXPECT_THROW(connection.execute("with recursive n(x) as (select 1 union all select x + 1 "
                                      "from n) select count(*) from n",
                                      {}, now + time),
                   std::runtime_error);
      ended = true;
    });
    std::this_thread::sleep_for(time / 5);
    try {
      connection.execute("select 1", {}, now + time / 3);
    } catch (const std::runtime_error&) {
      gave_up = !ended;
    }
    busy.join();
  }
  EXPECT_TRUE(gave_up);
}

TEST_F(LibSqlite, a_simulation_changes_nothing) {
  library.world.simulated = true;
  const std::string writable = "local db = require 'sqlite'.open('auth.db', 500, 'rw') ";
  EXPECT_THAT(library.answer(writable + "db:execute 'delete from auth'"),
              HasSubstr("not done in a simulation: change a database"));
  EXPECT_EQ(library.answer(writable + "result(db:execute 'select count(*) from auth')"), "[3]");
  EXPECT_EQ(library.answer("local db = require 'sqlite'.open ':memory:' "
                           "db:execute 'create table t (n)' "
                           "result(db:execute 'insert into t values (1)')"),
            "1");
}

TEST_F(LibSqlite, a_lock_is_waited_for_but_not_long) {
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(folder.file("auth.db").c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "begin exclusive", nullptr, nullptr, nullptr), SQLITE_OK);
  EXPECT_TRUE(tests::eventually([&] {  // a busy machine may take longer now and then
    const auto began = script::Clock::now();
    EXPECT_EQ(library.answer("require 'sqlite'.open('auth.db', 50):execute 'select 1 from auth'"),
              "error: policy.lua:1: sqlite: database is locked");
    return script::Clock::now() - began < std::chrono::seconds(3);
  }));
  std::thread release([other] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    sqlite3_exec(other, "rollback", nullptr, nullptr, nullptr);
  });
  EXPECT_EQ(library.answer("kumo.result(#require 'sqlite'.open('auth.db', 60000):execute "
                           "'select 1 from auth')"),
            "3");
  release.join();
  sqlite3_close(other);
}

TEST_F(LibSqlite, hooks_leave_no_file_open) {
  policy::Evidence evidence;
  Nobody nobody;
  policy::Tape tape;
  policy::Inquiry inquiry(evidence, nobody, tape);
  Context context{evidence, inquiry};
  // A connection that is opened while the policy loads stays open.
  EXPECT_EQ(library.answer("kept = require 'sqlite'.open 'auth.db' kept:execute 'select 1'"), "");
  EXPECT_EQ(open_files(), 1u);
  library.context = &context;
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(library.answer("again = require 'sqlite'.open 'auth.db' "
                             "result(#again:execute 'select user from auth')"),
              "3");
  }
  EXPECT_EQ(open_files(), 1u);
  EXPECT_EQ(library.answer("result(#again:execute 'select user from auth', "
                           "#kept:execute 'select user from auth')"),
            "3 3");
}

}  // namespace
}  // namespace postern::dialect::kumo
