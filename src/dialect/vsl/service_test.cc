#include "dialect/vsl/service.h"

#include <sqlite3.h>

#include "dialect/vsl/services_test.h"

namespace postern::dialect::vsl {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::ServiceTest;
using ::testing::StartsWith;

TEST_F(ServiceTest, what_is_declared_wrong_is_said) {
  folder.write("people.csv", "a,b\n");
  struct {
    std::string kind;
    std::string content;
    std::string options;
    std::string error;
  } const cases[] = {
      {"cmnd", "", "", "service `s`: unknown type `cmnd`; there are cmd"},
      {"db", "", "", "unknown type `db`"},
      {"db", "mysql", "", "`url` is missing"},
      {"db", "mysql", "'url', 'secret'",
       "`url` is no URL such as mysql://db.example:3306/greylist"},
      {"db", "mysql", "'url', 'mysql://x/?pool=1'", "`url` has the parameter `pool`; there are"},
      {"db", "mysql", "'url', 'mysql://x/?require_ssl=yes'",
       "`url` has a `require_ssl` that is neither true nor false"},
      {"db", "mysql", "'url', 'mysql://x', 'connections', 0",
       "`connections` must be a number from"},
      {"db", "mysql", "'url', 'mysql://x', 'usr', 'a'", "`usr` is no option; do you mean `user`?"},
      {"db", "mysql", "'url', 'mysql://x'", "service `s`: this gateway has no MySQL client"},
      {"db", "oracle", "", "unknown type `db:oracle`"},
      {"cmd", "", "", "`command` is missing"},
      {"cmd", "", "'command', ''", "`command` is empty"},
      {"cmd", "", "'command', 42", "`command` must be a string"},
      {"cmd", "", "'command', 'x', 'args', 'y'", "`args` must be an array of strings"},
      {"cmd", "", "'command', 'x', 'timeout', 'soon'", "`timeout` is wrong: `soon` is no duration"},
      {"cmd", "", "'command', 'x', 'timeout', '0s'", "`timeout` must be more than nothing"},
      {"cmd", "", "'command', 'x', 'timeout', '2h'", "an hour at most"},
      {"cmd", "", "'command', 'x', 'timeuot', '1s'",
       "`timeuot` is no option; do you mean `timeout`?"},
      {"cmd", "", "'command', 'x', 'user', 'nobody-of-that-name'",
       "`user` is no user of this machine: create it, or leave `user` out"},
      {"cmd", "", "'command', 'x', 'group', 'nobody-of-that-name'",
       "`group` is no group of this machine"},
      {"db", "csv", "", "`connector` is missing"},
      {"db", "csv", "'connector', 'none.csv'", "none.csv"},
      {"db", "csv", "'connector', '../../../etc/passwd'", "service `s`: "},
      {"db", "csv", "'connector', '/etc/passwd'", "service `s`: "},
      {"db", "csv", "'connector', 'people.csv', 'access', 'rw'",
       "`access` must be one of O_RDWR, O_RDONLY, O_WRONLY, not 'rw'"},
      {"db", "csv", "'connector', 'people.csv', 'refresh', 'often'", "`refresh` must be one of"},
      {"db", "csv", "'connector', 'people.csv', 'delimiter', ''", "`delimiter` must be one ASCII"},
      {"db", "csv", "'connector', 'people.csv', 'delimiter', '\\\"'", "`delimiter` must be one"},
      {"db", "csv", "'connector', 'people.csv', 'delimiter', '::'", "`delimiter` must be one"},
      {"db", "sqlite", "", "`path` is missing"},
      {"db", "sqlite", "'path', ':memory:'", "service `s`: "},
      {"db", "sqlite", "'path', '/etc/passwd'", "service `s`: "},
      {"smtp", "", "'receiver', '127.0.0.1:10025'", "`delegator` is missing"},
      {"smtp", "", "'delegator', map.of('address', '127.0.0.1:10026')", "`receiver` is missing"},
      {"smtp", "", "'delegator', map.of('address', '127.0.0.1'), 'receiver', '127.0.0.1:1'",
       "`delegator`: `address` must be a host and a port"},
      {"smtp", "", "'delegator', map.of('address', 'a@b:25'), 'receiver', '127.0.0.1:1'",
       "must be a host and a port"},
      {"smtp", "", "'delegator', 'x', 'receiver', '127.0.0.1:1'", "the options are a map"},
  };
  for (const auto& c : cases) {
    EXPECT_THAT(declare(c.kind, c.content, c.options),
                AllOf(StartsWith("error: "), HasSubstr(c.error)))
        << c.kind << ":" << c.content << " " << c.options;
  }
  folder.write("bad.csv", "a,\"b\n");
  EXPECT_THAT(declare("db", "csv", "'connector', 'bad.csv'"),
              HasSubstr("line 1: a quote is not closed"));
}

TEST_F(ServiceTest, services_are_asked_in_directives_alone_and_know_their_methods) {
  folder.write("people.csv", "a,b\n");
  ASSERT_EQ(declare("db", "csv", "'connector', 'people.csv'"), "");
  EXPECT_THAT(script->answer("vsl.call_service(s, 'get', 'a')", nullptr),
              HasSubstr("only available inside a rule"));
  EXPECT_EQ(ask("'run'"), "error: a db:csv service has no function 'run'");
  EXPECT_EQ(ask("'get'"), "error: function 'get' does not take 0 parameter(s)");
  ASSERT_EQ(declare("smtp", "",
                    "'delegator', map.of('address', '[2001:db8::1]:10026', 'timeout', '60s'), "
                    "'receiver', 'localhost:10025'"),
            "");
  EXPECT_EQ(ask("'run'"), "error: a smtp service has no function 'run'");
  ASSERT_EQ(declare("cmd", "", "'command', 'x'"), "");
  EXPECT_EQ(ask("'query'"), "error: a cmd service has no function 'query'");
}

TEST_F(ServiceTest, the_address_of_a_delegator_is_kept) {
  script::Call load(script->world, {}, nullptr);
  Value::Map delegator{{"address", "scanner.example:10026"}, {"timeout", "60s"}};
  Value::Map options{{"delegator", delegator}, {"receiver", "127.0.0.1:10025"}};
  const ServicePtr made = make_service(load, "av", "smtp", "", options);
  const auto* smtp = dynamic_cast<const SmtpService*>(made.get());
  ASSERT_NE(smtp, nullptr);
  EXPECT_EQ(smtp->options().address, "scanner.example:10026");
  EXPECT_EQ(smtp->options().timeout, std::chrono::seconds(60));
  EXPECT_EQ(smtp->options().receiver, "127.0.0.1:10025");
  EXPECT_EQ(made->name(), "av");
}

TEST_F(ServiceTest, a_table_is_asked_and_changed) {
  folder.write("people.csv", "john,doe,jd@example.com\njo,short,x\n");
  ASSERT_EQ(declare("db", "csv",
                    "'connector', 'people.csv', 'access', 'O_RDWR', 'refresh', 'always', "
                    "'delimiter', ','"),
            "");
  EXPECT_EQ(ask("'get', 'john'"), R"(["john", "doe", "jd@example.com"])");
  EXPECT_EQ(ask("'get', 'nobody'"), "[]");
  EXPECT_EQ(ask("'set', array.of(obj.of('address', 'a@sender.example'), 'new', 42)"), "()");
  EXPECT_EQ(ask("'rm', 'jo'"), "()");
  EXPECT_EQ(ask("'db_query', obj.of('address', 'a@sender.example')"),
            R"(["a@sender.example", "new", "42"])");
  EXPECT_EQ(ask("'get', 'jo'"), "[]");
  EXPECT_EQ(tests::read_file(folder.file("people.csv")),
            "john,doe,jd@example.com\na@sender.example,new,42\n");
  for (const char* wrong :
       {"'set', 'x'", "'set', array.of()", "'set', array.of(map.of())", "'get', array.of('x')"}) {
    EXPECT_THAT(ask(wrong), StartsWith("error: ")) << wrong;
  }
}

TEST_F(ServiceTest, a_table_is_read_or_written_as_declared) {
  folder.write("people.csv", "john,doe\n");
  ASSERT_EQ(declare("db", "csv", "'connector', 'people.csv', 'access', 'O_RDONLY'"), "");
  EXPECT_EQ(ask("'get', 'john'"), R"(["john", "doe"])");
  EXPECT_EQ(ask("'set', array.of('x')"), "error: the database is read-only");
  EXPECT_EQ(ask("'rm', 'john'"), "error: the database is read-only");
  ASSERT_EQ(declare("db", "csv", "'connector', 'people.csv', 'access', 'O_WRONLY'"), "");
  EXPECT_EQ(ask("'get', 'john'"), "error: the database is write-only");
  EXPECT_EQ(ask("'db_add', array.of('x')"), "()");
  EXPECT_EQ(tests::read_file(folder.file("people.csv")), "john,doe\nx\n");
}

struct SqliteTest : ServiceTest {
  SqliteTest() {
    sqlite3* raw = nullptr;
    EXPECT_EQ(sqlite3_open(folder.file("grey.db").c_str(), &raw), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(raw,
                           "create table seen (who text, n integer, share real, note text);"
                           "insert into seen values ('ann', 3, 0.5, null), ('bob', 1, 2, 'x');",
                           nullptr, nullptr, nullptr),
              SQLITE_OK);
    sqlite3_close(raw);
  }
};

TEST_F(SqliteTest, rows_are_arrays_of_text) {
  ASSERT_EQ(declare("db", "sqlite", "'path', 'grey.db', 'timeout', '5m'"), "");
  EXPECT_EQ(ask("'query', 'select * from seen order by who'"),
            R"([["ann", "3", "0.5", ()], ["bob", "1", "2", "x"]])");
  EXPECT_EQ(ask("'query', 'select who from seen order by who'"), R"([["ann"], ["bob"]])");
  EXPECT_EQ(ask("'query', 'select who, who, n as who from seen limit 1'"),
            R"([["ann", "ann", "3"]])");
  EXPECT_EQ(ask("'query', 'select 1 where 0'"), "[]");
  EXPECT_EQ(ask("'query', \"update seen set n = n + 1\""), "[]");
}

TEST_F(SqliteTest, values_never_become_sql) {
  ASSERT_EQ(declare("db", "sqlite", "'path', 'grey.db'"), "");
  const std::string evil = "\"x'); drop table seen; --\"";
  EXPECT_EQ(ask("'query', 'insert into seen (who, n) values (?, ?)', array.of(" + evil + ", 7)"),
            "[]");
  EXPECT_EQ(ask("'query', 'select n from seen where who = :who', map.of('who', " + evil + ")"),
            R"([["7"]])");
  EXPECT_EQ(ask("'query', 'select ?, ?', array.of(1)"),
            "error: sqlite: the statement has 2 parameters, 1 values are given");
  EXPECT_EQ(ask("'query', 'select ?', array.of(obj.of('address', 'a@b.example'))"),
            R"([["a@b.example"]])");
  EXPECT_THAT(ask("'query', 'select ?', 'x'"), HasSubstr("an array or a map"));
  EXPECT_THAT(ask("'query', 'selec 1'"), HasSubstr("sqlite: "));
  EXPECT_THAT(ask("'query', 'select 1; select 2'"), HasSubstr("one statement a call"));
}

TEST_F(SqliteTest, read_only_where_it_is_said) {
  ASSERT_EQ(declare("db", "sqlite", "'path', 'grey.db', 'access', 'O_RDONLY'"), "");
  EXPECT_THAT(ask("'query', 'delete from seen'"), HasSubstr("readonly"));
}

TEST_F(SqliteTest, a_simulation_reads_and_changes_nothing) {
  folder.write("people.csv", "john,doe\n");
  program("scan", "touch " + folder.file("ran"));
  script->world.simulated = true;
  ASSERT_EQ(declare("db", "csv", "'connector', 'people.csv'"), "");
  EXPECT_EQ(ask("'set', array.of('ann', 'x')"), "()");
  EXPECT_EQ(ask("'rm', 'john'"), "()");
  EXPECT_EQ(ask("'get', 'john'"), R"(["john", "doe"])");
  EXPECT_EQ(tests::read_file(folder.file("people.csv")), "john,doe\n");
  ASSERT_EQ(declare("db", "sqlite", "'path', 'grey.db'"), "");
  EXPECT_EQ(ask("'query', 'delete from seen'"), "[]");
  EXPECT_EQ(ask("'query', 'insert into seen (n) values (1) returning n'"), "[]");
  EXPECT_EQ(ask("'query', 'select count(*) from seen'"), R"([["2"]])");
  ASSERT_EQ(declare("cmd", "", "'command', 'scan'"), "");
  EXPECT_THAT(ask("'run'"), HasSubstr("not done in a simulation: run "));
  EXPECT_FALSE(std::filesystem::exists(folder.file("ran")));
}

TEST_F(ServiceTest, a_simulation_takes_the_exit_code_that_it_is_given) {
  program("scan", "touch " + folder.file("ran") + "; exit 3");
  script->world.simulated = true;
  ASSERT_EQ(declare("cmd", "", "'command', 'scan', 'args', array.of('-n', 'x')"), "");
  const std::string service = "cmd:" + folder.file("scan");
  scene.gatherer.answers[service + " -n x"] = "0";
  scene.gatherer.answers[service + " y"] = "9";
  scene.gatherer.answers[service + " z"] = "OK";
  EXPECT_EQ(ask("'run'"), testing::exited(0));
  EXPECT_EQ(ask("'run', array.of('y')"), testing::exited(9));
  EXPECT_EQ(ask("'run'"), testing::exited(0)) << "asked once";
  EXPECT_EQ(scene.evidence.consulted.size(), 2u);
  EXPECT_THAT(ask("'run', array.of('z')"), HasSubstr("the answer 'OK' for command"));
  EXPECT_THAT(ask("'run', array.of('w')"), HasSubstr("not done in a simulation: run "));
  EXPECT_FALSE(std::filesystem::exists(folder.file("ran")));
}

TEST_F(SqliteTest, a_statement_has_its_time) {
  ASSERT_EQ(declare("db", "sqlite", "'path', 'grey.db', 'timeout', '100ms'"), "");
  EXPECT_THAT(ask("'query', 'with recursive c(x) as (select 1 union all select x + 1 from c) "
                  "select max(x) from c'"),
              HasSubstr("it took too long"));
}

TEST_F(SqliteTest, a_record_answers_without_asking) {
  folder.write("people.csv", "john,doe\n");
  program("scan", "exit 5");
  std::vector<script::Told> told;
  const std::string text =
      "local db = vsl.make_service('d', 'db', 'csv', map.of('connector', 'people.csv')) "
      "local q = vsl.make_service('q', 'db', 'sqlite', map.of('path', 'grey.db')) "
      "local c = vsl.make_service('c', 'cmd', '', map.of('command', 'scan')) "
      "vsl.call_service(db, 'set', array.of('ann', 'x')) "
      "vsl.show(array.of(vsl.call_service(db, 'get', 'ann'), vsl.call_service(c, 'run').code, "
      "vsl.call_service(q, 'query', 'select n from seen')))";
  std::string first;
  {
    script::Call call(script->world, {}, &scene.context);
    call.record();
    first = script->answer(text, call);
    told = call.told();
  }
  EXPECT_EQ(first, R"([["ann", "x"], 5, [["3"], ["1"]]])");
  fs::remove_all(folder.path());
  scene.site.allowed_commands.clear();
  testing::HostScript replay({service_functions()},
                         {.directory = folder.path(),
                          .roots = {},
                          .seen = nullptr,
                          .given = std::make_shared<const script::Files::Texts>()});
  script::Call again(replay.world, {}, &scene.context);
  again.answer_from(told);
  EXPECT_EQ(replay.answer(text, again), first);
}

}  // namespace
}  // namespace postern::dialect::vsl
