#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <chrono>

#include "base/growth_test.h"
#include "base/temporary_folder_test.h"
#include "dialect/restrictions/table_test_support.h"

namespace postern::dialect::restrictions {
namespace {

using testing::HasSubstr;

class SqliteTable : public ::testing::Test {
 protected:
  SqliteTable() {
    sqlite3* handle = nullptr;
    sqlite3_open(path().c_str(), &handle);
    EXPECT_EQ(sqlite3_exec(handle,
                           "CREATE TABLE access(k TEXT, v TEXT, d TEXT);"
                           "INSERT INTO access VALUES('a@example.com','REJECT no','example.com'),"
                           "('o''neil@example.com','OK','example.com'),"
                           "('example.org','r@relay.example','org'),"
                           "('two@example.net','1','net'),('two@example.net','2','net'),"
                           "('null@example.net',NULL,'net'),('empty@example.net','','net')",
                           nullptr, nullptr, nullptr),
              SQLITE_OK);
    sqlite3_close(handle);
  }

  std::string path() const { return folder_.file("access.db"); }
  Texts texts(const std::string& more) const {
    return {{"/c", fmt::format("# a comment\ndbpath = {}\n{}", path(), more)},
            {"/plain", "dbpath = " + path() + "\nquery = SELECT v FROM access WHERE k = '%s'\n"}};
  }
  std::string find(const std::string& more, const char* key) const {
    const auto table = texts(more).open("sqlite:/c");
    const Found found = table->lookup(key);
    switch (found.status) {
      case Found::Status::found:
        return found.value;
      case Found::Status::absent:
        return "absent";
      default:
        return "failed: " + found.trouble;
    }
  }
  std::string error(const std::string& more) const {
    const auto table = open_table("sqlite:/c", texts(more).sources());
    return table ? "opened" : table.error().message;
  }

  tests::TemporaryFolder folder_;
};

TEST_F(SqliteTable, finds_what_the_query_selects) {
  const std::string by_key = "query = SELECT v FROM access\n  WHERE k = '%s'\n";
  EXPECT_EQ(find(by_key, "a@example.com"), "REJECT no");
  EXPECT_EQ(find(by_key, "A@Example.COM"), "REJECT no");
  EXPECT_EQ(find(by_key, "o'neil@example.com"), "OK");
  EXPECT_EQ(find(by_key, "x' OR '1'='1"), "absent");
  EXPECT_EQ(find(by_key, "two@example.net"), "1,2");
  EXPECT_EQ(find(by_key, "null@example.net"), "absent");
  EXPECT_EQ(find(by_key, "empty@example.net"), "absent");
  EXPECT_EQ(find(by_key, ""), "absent");
}

TEST_F(SqliteTable, parts_of_the_key) {
  EXPECT_EQ(find("query = SELECT '%u|%d|%%|%1.%2' AS x\n", "u@mail.example.com"),
            "u|mail.example.com|%|com.example");
  EXPECT_EQ(find("query = SELECT '%u' AS x\n", "bare"), "bare");
  EXPECT_EQ(find("query = SELECT '%d' AS x\n", "bare"), "absent");
  EXPECT_EQ(find("query = SELECT '%3' AS x\n", "u@example.com"), "absent");
  EXPECT_EQ(find("query = SELECT '%u' AS x\n", "@example.com"), "absent");
}

TEST_F(SqliteTable, results_are_formatted_and_limited) {
  const std::string by_key = "query = SELECT v FROM access WHERE k = '%s'\n";
  EXPECT_EQ(find(by_key + "result_format = smtp:[%d]\n", "example.org"), "smtp:[relay.example]");
  EXPECT_EQ(find(by_key + "result_format = %s %S\n", "a@example.com"), "REJECT no a@example.com");
  EXPECT_EQ(find(by_key + "result_format = %u\n", "example.org"), "r");
  EXPECT_EQ(find(by_key + "result_format = %d\n", "a@example.com"), "absent");
  EXPECT_THAT(find(by_key + "expansion_limit = 1\n", "two@example.net"), HasSubstr("failed: "));
  EXPECT_EQ(find(by_key + "expansion_limit = 2\n", "two@example.net"), "1,2");
}

TEST_F(SqliteTable, domains_and_the_older_settings) {
  const std::string older =
      "select_field = v\ntable = access\nwhere_field = k\nadditional_conditions = AND d = "
      "'example.com'\n";
  EXPECT_EQ(find(older, "a@example.com"), "REJECT no");
  EXPECT_EQ(find(older, "two@example.net"), "absent");
  const std::string domain =
      "query = SELECT 'x' AS x\ndomain = Example.COM, inline:{a.example=y}\n";
  EXPECT_EQ(find(domain, "u@example.com"), "x");
  EXPECT_EQ(find(domain, "u@a.example"), "x");
  EXPECT_EQ(find(domain, "u@example.org"), "absent");
  EXPECT_EQ(find(domain, "example.com"), "absent");
}

TEST_F(SqliteTable, endless_queries_fail) {
  EXPECT_THAT(find("query = WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c) SELECT "
                   "max(x) FROM c WHERE '%s' = '%s'\n",
                   "k"),
              HasSubstr("failed: sqlite:/c: interrupted"));
}

TEST_F(SqliteTable, a_query_of_slow_operations_fails_in_time) {
  const double seconds = tests::cpu_seconds([&] {
    EXPECT_THAT(
        find("query = WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c) SELECT "
             "max(x) FROM c WHERE length(replace(hex(zeroblob(300000)), '0', x %% 10)) = -1 "
             "AND x <> '%s'\n",
             "k"),
        HasSubstr("failed: sqlite:/c: interrupted"));
  });
  EXPECT_LT(seconds, 30);
  EXPECT_THAT(find("query = SELECT '1' LIKE hex(zeroblob(1000)) || '%s'\n", "k"),
              HasSubstr("pattern too complex"));
}

TEST_F(SqliteTable, refuses_what_does_not_work) {
  EXPECT_THAT(error(""), HasSubstr("/c: query is missing"));
  EXPECT_THAT(error("query\n"), HasSubstr("/c line 3: write name = value"));
  EXPECT_THAT(error("hosts = x\n"), HasSubstr("/c line 3: `hosts` is not a setting"));
  EXPECT_THAT(error("query = SELECT v FROM nowhere\n"), HasSubstr("/c: query: no such table"));
  EXPECT_THAT(error("query = SELECT '%q'\n"), HasSubstr("`%` without a meaning"));
  EXPECT_THAT(error("query = SELECT 1 AS x\nexpansion_limit = many\n"), HasSubstr("not a number"));
  EXPECT_THAT(error("query = DELETE FROM access\n"), HasSubstr("must select"));
  EXPECT_THAT(error("query = ATTACH 'x' AS y\n"), HasSubstr("query: "));
  const Texts missing{{"/c", "dbpath = /nonexistent/x.db\nquery = SELECT 1 AS x\n"}};
  const auto table = open_table("sqlite:/c", missing.sources());
  ASSERT_FALSE(table);
  EXPECT_EQ(table.error().fault, Fault::not_found);
  EXPECT_THAT(table.error().message, HasSubstr("/nonexistent/x.db"));
}

TEST_F(SqliteTable, nobody_knows_its_values) {
  const auto table = texts("query = SELECT 1 AS x\n").open("proxy:sqlite:/plain");
  EXPECT_EQ(table->values(), std::nullopt);
  EXPECT_FALSE(table->is_total() || table->is_pattern());
  EXPECT_EQ(table->name(), "sqlite:/plain");
}

}  // namespace
}  // namespace postern::dialect::restrictions
