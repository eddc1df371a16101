#include "dialect/vsl/mysql_service.h"

#include "dialect/vsl/parser.h"
#include "dialect/vsl/services_test.h"

namespace postern::dialect::vsl {
namespace {

using ::testing::HasSubstr;
using testing::ServiceTest;

std::string in_quotes(std::string_view text) {
  std::string made;
  for (const char c : text) made += c == '\'' || c == '\\' ? std::string{'\\', c} : std::string{c};
  return made;
}

std::string listed(std::string_view sql, const std::vector<SqlText::Parameter>& parameters) {
  try {
    return SqlText::with(sql, parameters).text(in_quotes);
  } catch (const std::exception& error) {
    return std::string("error: ") + error.what();
  }
}

TEST(SqlText, has_its_parameters_only_where_they_are_values) {
  const SqlText::Parameter text{"o'x", true};
  const SqlText::Parameter number{"5"};
  EXPECT_EQ(listed("select a from t where b = ? and c = ?", {text, number}),
            R"(select a from t where b = 'o\'x' and c = 5)");
  EXPECT_EQ(listed("select '?', \"?\\\"?\", `?`, 'it''s ?' -- ?\n, ? /* ? */ # ?", {number}),
            "select '?', \"?\\\"?\", `?`, 'it''s ?' -- ?\n, 5 /* ? */ # ?");
  EXPECT_EQ(listed("select 1--?", {number}), "select 1--5") << "two minus signs";
  EXPECT_EQ(listed("select ?", {}), "error: the statement has more `?` than there are parameters");
  EXPECT_EQ(listed("select 1", {text}),
            "error: there are more parameters than `?` in the statement");
  const auto find = [&](std::string_view name) { return name == "who" ? &text : nullptr; };
  EXPECT_EQ(SqlText::with("select :who, ':who', :other, a::b", find).text(in_quotes),
            R"(select 'o\'x', ':who', :other, a::b)");
}

TEST(SqlText, tells_what_certainly_changes_nothing) {
  for (const char* sql : {"select 1", " SELECT a FROM b;", "show tables"}) {
    EXPECT_TRUE(SqlText::only_reads(sql)) << sql;
  }
  for (const char* sql : {"insert into t values (1)", "select 1 into outfile 'x'", "update t",
                          "select 1; delete from t", "call p()", ""}) {
    EXPECT_FALSE(SqlText::only_reads(sql)) << sql;
  }
}

std::string hidden(const std::string& text) {
  const auto file = parse("main.vsl", text);
  if (!file) return file.error().to_string();
  std::string made = text;
  std::string mistakes;
  for (const Mistake& one : hide_passwords(*file, made)) mistakes += one.to_string() + "\n";
  return mistakes.empty() ? made : mistakes;
}

TEST(MysqlPasswords, are_not_recorded) {
  EXPECT_EQ(hidden("let ä = \"ä\"; service g db:mysql = #{ user: \"u\", password: \"pä\\\"ss\", "
                   "url: \"mysql://u:p:w@h/db?password=secret&user=x\" };"),
            "let ä = \"ä\"; service g db:mysql = #{ user: \"u\", password: \"*******\", "
            "url: \"mysql://u:***@h/db?password=******&user=x\" };");
  // Which of them counts is the reader's matter: neither is shown.
  EXPECT_EQ(hidden("service g db:mysql = #{ url: \"mysql://h/d?password=a&password=bc\" };"),
            "service g db:mysql = #{ url: \"mysql://h/d?**********************\" };");
  EXPECT_EQ(hidden("service g db:mysql = #{ url: \"mysql://h/d?p%61ssword=a\" };"),
            "service g db:mysql = #{ url: \"mysql://h/d?************\" };");
  EXPECT_EQ(hidden("service g db:mysql = #{ url: \"mysql://localhost/\" };"),
            "service g db:mysql = #{ url: \"mysql://localhost/\" };");
  EXPECT_EQ(hidden("let p = \"x\"; service g db:mysql = #{ url: \"mysql://h\", password: p };"),
            "main.vsl:1:66: the `password` of a `db:mysql` service is not written there\n");
  EXPECT_EQ(hidden("let o = #{}; service g db:mysql = o;"),
            "main.vsl:1:35: the map of options of a `db:mysql` service is not written there\n");
}

/// Answers each statement with one row, which holds it.
class EchoingServer final : public MysqlServer {
 public:
  explicit EchoingServer(std::string host) : host_(std::move(host)) {}
  Result<Rows> query(const Statement& statement, bool read_only,
                     script::Clock::time_point) override {
    const std::string sql = statement(in_quotes) + (read_only ? " (read only)" : "");
    if (sql == "broken") return fail(Fault::temporary, "db.example: no answer in time");
    if (sql == "nothing") return Rows{};
    return Rows{.columns = {"sql", "host", "none"}, .rows = {{sql, host_, std::nullopt}}};
  }

 private:
  const std::string host_;
};

struct MysqlServiceTest : ServiceTest {
  MysqlServiceTest() {
    scene.site.open_mysql = [this](MysqlSettings settings) {
      said = settings.user + " " + settings.password.reveal() + " " + settings.dbname +
             (settings.tls ? " tls" : "");
      return std::make_shared<EchoingServer>(settings.host);
    };
  }
  std::string declared(const std::string& options) {
    script::Call load(script->world, {}, &scene.context);
    return script->answer("s = vsl.make_service('s', 'db', 'mysql', map.of(" + options + "))",
                          load);
  }
  std::string said;
};

TEST_F(MysqlServiceTest, gives_rows_by_the_names_of_columns) {
  ASSERT_EQ(declared("'url', 'mysql://u:p%40w@db.example:3307/grey', 'timeout', '3s', "
                     "'connections', 4"),
            "");
  EXPECT_EQ(said, "u p@w grey");
  EXPECT_EQ(ask("'query', 'select 1'"),
            R"([#{"host": "db.example:3307", "none": (), "sql": "select 1"}])");
  EXPECT_THAT(ask("'query', 'select ?, ?, ?', array.of(\"o'x\", 7, true)"),
              HasSubstr(R"(select 'o\\'x', 7, 1)"));
  EXPECT_THAT(ask("'query', 'select :a', map.of('a', 'x')"), HasSubstr("select 'x'"));
  EXPECT_EQ(ask("'query', 'select :b', map.of('a', 'x')"),
            "error: the statement has `:b`, the parameters have not");
  EXPECT_EQ(ask("'query', 'nothing'"), "[]");
  EXPECT_EQ(ask("'query', 'broken'"), "error: db.example: no answer in time");
  EXPECT_EQ(ask("'get', 'x'"), "error: a db:mysql service has no function 'get'");
}

TEST_F(MysqlServiceTest, takes_name_and_password_beside_the_url) {
  ASSERT_EQ(declared("'url', 'mysql://localhost/?require_ssl=true', 'user', 'a', 'password', 'b'"),
            "");
  EXPECT_EQ(said, "a b  tls");
  ASSERT_EQ(declared("'url', 'mysql://localhost/x?socket=/run/mysqld/mysqld.sock'"), "");
  EXPECT_THAT(ask("'query', 'select 1'"), HasSubstr("unix:/run/mysqld/mysqld.sock"));
}

TEST_F(MysqlServiceTest, a_port_or_tls_means_the_network) {
  for (const auto& [url, host] :
       {std::pair("mysql://localhost:3307/x", "\"127.0.0.1:3307\""),
        std::pair("mysql://localhost/x?require_ssl=true", "\"127.0.0.1\""),
        std::pair("mysql://localhost/x", "\"localhost\""),
        std::pair("mysql://localhost.example.net:1/x", "\"localhost.example.net:1\"")}) {
    ASSERT_EQ(declared(std::string("'url', '") + url + "'"), "");
    EXPECT_THAT(ask("'query', 'select 1'"), HasSubstr(host));
  }
}

TEST_F(MysqlServiceTest, changes_nothing_in_a_simulation) {
  ASSERT_EQ(declared("'url', 'mysql://localhost/'"), "");
  script->world.simulated = true;
  EXPECT_EQ(ask("'query', 'insert into t values (1)'"), "[]");
  EXPECT_THAT(ask("'query', 'select f()'"), HasSubstr("select f() (read only)"))
      << "the server knows what f() does";
}

}  // namespace
}  // namespace postern::dialect::vsl
