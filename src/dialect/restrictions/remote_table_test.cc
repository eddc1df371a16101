#include "dialect/restrictions/remote_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dialect/restrictions/evaluate.h"
#include "dialect/restrictions/layer.h"
#include "dialect/restrictions/lint.h"
#include "dialect/restrictions/table_test_support.h"
#include "dialect/restrictions/table_types.h"
#include "policy/testing.h"

namespace postern::dialect::restrictions {
namespace {

using policy::Consultation;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using Status = Found::Status;

constexpr const char* pgsql =
    "hosts = db1, db2:5433\nuser = postern\npassword = pg-hunter2\ndbname = mail\n"
    "query = SELECT v FROM access WHERE k = '%s' AND d = '%d'\n";
constexpr const char* mysql =
    "hosts = db1 inet:db2:3307 unix:/run/mysqld.sock\nuser = postern\npassword = my-hunter2\n"
    "dbname = mail\nquery = SELECT v FROM `a#b` WHERE k = '%s' AND n <> 'it''s $ --'\n";
constexpr const char* ldap =
    "server_host = ldap://one ldaps://two\nbind_dn = cn=postern\nbind_pw = ldap-hunter2\n"
    "search_base = ou=people,dc=example,dc=org\nquery_filter = (&(mail=%s)(active=yes))\n"
    "result_attribute = a, b\n";

Texts files(std::string more_pgsql = {}, std::string more_ldap = {}, std::string more_mysql = {}) {
  return {{"/pg", pgsql + more_pgsql}, {"/ldap", ldap + more_ldap}, {"/my", mysql + more_mysql}};
}

std::shared_ptr<const RemoteTable> remote(const std::string& spec, const Texts& texts) {
  std::shared_ptr<const RemoteTable> made;
  TableSources sources = texts.sources();
  sources.opened_remote = [&made](auto table) { made = table; };
  const auto opened = open_table(spec, sources);
  EXPECT_TRUE(opened) << opened.error().message;
  return made;
}

std::string error_of(const std::string& spec, const Texts& texts) {
  const auto table = open_table(spec, texts.sources());
  return table ? "opened" : table.error().message;
}

TEST(RemoteTable, every_type_of_another_program_has_a_reader) {
  for (const TableType& type : table_types()) {
    if (type.kind != TableType::Kind::program) continue;
    const auto opened = open_table(std::string(type.name) + ":x", Texts{}.sources());
    ASSERT_FALSE(opened) << type.name;
    EXPECT_NE(opened.error().fault, Fault::bug) << type.name;
  }
}

TEST(RemoteTable, waits_until_it_was_asked) {
  const auto table = files().open("pgsql:/pg");
  EXPECT_TRUE(table->is_remote());
  EXPECT_EQ(table->lookup("U@Example.org").status, Status::waiting);
  policy::Consultations said;
  {
    policy::Replies replies(said);
    EXPECT_EQ(table->find("U@Example.org", &replies).status, Status::waiting);
    ASSERT_TRUE(replies.wanted());
    EXPECT_EQ(replies.wanted()->service, "pgsql:/pg");
    EXPECT_EQ(replies.wanted()->request, "u@example.org");
  }
  said = {{"pgsql:/pg", "u@example.org", "found REJECT no", false},
          {"pgsql:/pg", "v@example.org", "absent", false},
          {"pgsql:/pg", "w@example.org", "no connection", true},
          {"pgsql:/pg", "x@example.org", "nonsense", false}};
  policy::Replies replies(said);
  EXPECT_EQ(table->find("U@example.ORG", &replies).value, "REJECT no");
  EXPECT_EQ(table->find("v@example.org", &replies).status, Status::absent);
  EXPECT_EQ(table->find("w@example.org", &replies).trouble, "pgsql:/pg: no connection");
  EXPECT_EQ(table->find("x@example.org", &replies).status, Status::failed);
  EXPECT_FALSE(replies.wanted());
  EXPECT_EQ(table->find("y@example.org", nullptr).status, Status::absent);
}

TEST(RemoteTable, keys_that_nobody_is_asked_about) {
  const policy::Consultations nothing;
  policy::Replies replies(nothing);
  const auto table = files("domain = example.org\n").open("pgsql:/pg");
  for (const std::string key : {"", "no-domain", "u@example.net", "@example.org", "u@\xff"}) {
    EXPECT_EQ(table->find(key, &replies).status, Status::absent) << key;
  }
  EXPECT_EQ(table->find(std::string("a\0b@example.org", 15), &replies).status, Status::absent);
  EXPECT_FALSE(replies.wanted());
}

TEST(RemoteTable, tables_within_others_wait_too) {
  const policy::Consultations said = {{"tcp:127.0.0.1:7", "k", "found x", false},
                                      {"tcp:127.0.0.1:7", "gone", "absent", false}};
  const struct {
    const char* spec;
    const char* key;
    Status status;
    const char* value;
  } cases[] = {
      {"unionmap:{static:a, tcp:127.0.0.1:7}", "k", Status::found, "a,x"},
      {"unionmap:{static:a, tcp:127.0.0.1:7}", "gone", Status::found, "a"},
      {"unionmap:{static:a, tcp:127.0.0.1:7}", "other", Status::waiting, ""},
      {"pipemap:{tcp:127.0.0.1:7, inline:{x=y}}", "k", Status::found, "y"},
      {"pipemap:{inline:{a=k}, tcp:127.0.0.1:7}", "a", Status::found, "x"},
      {"pipemap:{inline:{a=k}, tcp:127.0.0.1:7}", "b", Status::absent, ""},
      {"pipemap:{inline:{a=q}, tcp:127.0.0.1:7}", "a", Status::waiting, ""},
      {"proxy:tcp:127.0.0.1:7", "k", Status::found, "x"},
  };
  for (const auto& one : cases) {
    policy::Replies replies(said);
    const auto table = Texts().open(one.spec);
    const Found found = table->find(one.key, &replies);
    EXPECT_EQ(found.status, one.status) << one.spec << " " << one.key;
    EXPECT_EQ(found.value, one.value) << one.spec << " " << one.key;
    EXPECT_EQ(replies.wanted().has_value(), one.status == Status::waiting) << one.spec;
    EXPECT_EQ(table->values().has_value(), std::string(one.spec).find("{x=y}") != std::string::npos)
        << one.spec;
  }
}

TEST(RemoteTable, domain_may_be_another_programs_as_well) {
  const auto table = files("domain = tcp:127.0.0.1:7\n").open("pgsql:/pg");
  policy::Consultations said;
  policy::Replies first(said);
  EXPECT_EQ(table->find("u@example.org", &first).status, Status::waiting);
  EXPECT_EQ(first.wanted()->service, "tcp:127.0.0.1:7");
  said = {{"tcp:127.0.0.1:7", "example.org", "found x", false}};
  policy::Replies second(said);
  EXPECT_EQ(table->find("u@example.org", &second).status, Status::waiting);
  EXPECT_EQ(second.wanted()->service, "pgsql:/pg");
  said = {{"tcp:127.0.0.1:7", "example.org", "no answer", true}};
  policy::Replies third(said);
  EXPECT_EQ(table->find("u@example.org", &third).status, Status::failed);
}

TEST(RemoteTable, statements_filters_and_names_are_quoted) {
  const auto quote = [](std::string_view text) { return "<" + std::string(text) + ">"; };
  EXPECT_EQ(remote("pgsql:/pg", files())->statement("o'neil@example.org", quote),
            "SELECT v FROM access WHERE k = '<o'neil@example.org>' AND d = '<example.org>'");
  EXPECT_EQ(remote("mysql:/my", files())->statement("o'neil@example.org", quote),
            "SELECT v FROM `a#b` WHERE k = '<o'neil@example.org>' AND n <> 'it''s $ --'");
  const auto fixed = remote("ldap:/ldap", files())->search("*)(x=\\@example.org");
  EXPECT_EQ(fixed.filter, "(&(mail=\\2a\\29\\28x=\\5c@example.org)(active=yes))");
  EXPECT_EQ(fixed.base, "ou=people,dc=example,dc=org");
  EXPECT_TRUE(fixed.fixed_base);
  const auto moving = remote("ldap:/ldap", files({}, "search_base = o=%d\nquery_filter = uid=%u\n"))
                          ->search("a@ x,dc=y ");
  EXPECT_EQ(moving.base, "o=\\20x\\2cdc\\3dy\\20");
  EXPECT_EQ(moving.filter, "(uid=a)");
  EXPECT_FALSE(moving.fixed_base);
  EXPECT_EQ(filter_quoted(std::string("a\0", 2)), "a\\00");
}

Texts cache(const std::string& more) {
  return {{"/mc", "memcache = inet:192.0.2.1:11211\n" + more},
          {"/back", "u@example.org REJECT from the source\nk k\n"}};
}

TEST(RemoteTable, a_backup_is_asked_where_a_cache_has_no_answer) {
  const policy::Consultations said = {
      {"memcache:/mc", "u@example.org", "found REJECT cached", false},
      {"memcache:/mc", "v@example.org", "absent", false},
      {"memcache:/mc", "w@example.org", "inet:192.0.2.1:11211: refused", true},
      {"memcache:/mc", "example.org", "inet:192.0.2.1:11211: refused", true},
      {"tcp:127.0.0.1:7", "v@example.org", "found other", false},
      {"tcp:127.0.0.1:7", "w@example.org", "gone", true}};
  const struct {
    const char* backup;
    const char* key;
    Status status;
    const char* says;  ///< value or trouble
  } cases[] = {
      {"", "U@Example.org", Status::found, "REJECT cached"},
      {"", "v@example.org", Status::absent, ""},
      {"", "w@example.org", Status::failed, "memcache:/mc: inet:192.0.2.1:11211: refused"},
      {"", "x@example.org", Status::waiting, ""},
      {"backup = inline:{ {V@example.org = OK}, example.org=yes }\n", "v@Example.org",
       Status::found, "OK"},
      {"backup = inline:{ {V@example.org = OK}, example.org=yes }\n", "example.org", Status::found,
       "yes"},
      {"backup = inline:{ {V@example.org = OK}, example.org=yes }\n", "w@example.org",
       Status::absent, ""},
      {"backup = proxy:texthash:/back\n", "u@example.org", Status::found, "REJECT cached"},
      {"backup = fail:x\n", "v@example.org", Status::failed, "fail:x always fails"},
      {"backup = tcp:127.0.0.1:7\n", "v@example.org", Status::found, "other"},
      {"backup = tcp:127.0.0.1:7\n", "w@example.org", Status::failed,
       "memcache:/mc: inet:192.0.2.1:11211: refused; tcp:127.0.0.1:7: gone"},
      {"backup = tcp:127.0.0.1:7\n", "example.org", Status::waiting, ""},
      {"backup = tcp:127.0.0.1:7\n", "x@example.org", Status::waiting, ""},
  };
  for (const auto& one : cases) {
    policy::Replies replies(said);
    const Found found = cache(one.backup).open("memcache:/mc")->find(one.key, &replies);
    EXPECT_EQ(found.status, one.status) << one.backup << one.key;
    EXPECT_EQ(found.value + found.trouble, one.says) << one.backup << one.key;
    EXPECT_EQ(replies.wanted().has_value(), one.status == Status::waiting) << one.backup;
  }
  const auto table = cache("backup = texthash:/back\n").open("memcache:/mc");
  EXPECT_EQ(table->find("u@example.org", nullptr).value, "REJECT from the source");
  EXPECT_EQ(table->rows(), 2u);
  EXPECT_FALSE(table->values());
}

TEST(RemoteTable, keys_of_a_cache) {
  const struct {
    const char* format;
    const char* key;
    const char* cached;
  } cases[] = {
      {"%s", "u@example.org", "u@example.org"},
      {"access:%s", "u@example.org", "access:u@example.org"},
      {"%u", "u@example.org", "u"},
      {"%u", "u", "u"},
      {"%U", "u@example.org", "u"},
      {"%d", "u@a.example.org", "a.example.org"},
      {"%1-%3", "u@a.example.org", "org-a"},
      {"100%%%s", "k", "100%k"},
      {"%s", "ctrl\x01", "ctrl\x01"},
      {"all", "k", "all"},
      {"%s", "a b@example.org", "none"},
      {"%s", "a\tb", "none"},
      {"%s", "a\r\nset x", "none"},
      {"%u", "@example.org", "none"},
      {"%d", "u", "none"},
      {"%4", "u@a.example.org", "none"},
  };
  const policy::Consultations nothing;
  for (const auto& one : cases) {
    const Texts texts = cache("backup = static:x\nkey_format = " + std::string(one.format) + "\n");
    const auto table = remote("memcache:/mc", texts);
    EXPECT_EQ(table->cache_key(one.key).value_or("none"), one.cached) << one.format << one.key;
    // As in Postfix a key that no cache has is not looked up in the backup either.
    policy::Replies replies(nothing);
    const bool asked = table->find(one.key, &replies).status == Status::waiting;
    EXPECT_EQ(asked, one.cached != std::string("none")) << one.format << one.key;
  }
  const auto table = remote("memcache:/mc", cache("domain = example.org\nbackup = static:x\n"));
  EXPECT_EQ(table->lookup("u@example.net").status, Status::absent);
  EXPECT_EQ(table->lookup("example.org").status, Status::absent);
  EXPECT_EQ(table->lookup("u@example.org").status, Status::waiting);
}

TEST(RemoteTable, tables_that_name_themselves) {
  const Texts texts{{"/mc", "backup = unionmap:{ memcache:/mc }\n"},
                    {"/pg", std::string(pgsql) + "domain = pgsql:/pg\n"},
                    {"/lite", "dbpath = /db\nquery = SELECT '%s'\ndomain = sqlite:/lite\n"}};
  for (const char* spec : {"memcache:/mc", "pgsql:/pg", "sqlite:/lite"}) {
    EXPECT_THAT(error_of(spec, texts), HasSubstr("nested more than 8 deep")) << spec;
  }
}

TEST(RemoteTable, queries_in_which_a_key_is_safe) {
  for (const char* query :
       {"SELECT 1 WHERE '%s' = 'it''s' AND '100%%' = k",
        "SELECT \"it's\" FROM t WHERE the='%u' AND n LIKE '%%@%d'", "SELECT f('%s', 'e$--')"}) {
    const Texts texts = files("query = " + std::string(query) + "\n");
    EXPECT_EQ(error_of("pgsql:/pg", texts), "opened") << query;
  }
}

TEST(RemoteTable, servers_and_statements_of_all_forms) {
  const struct {
    const char* spec;
    const char* more;
  } cases[] = {
      {"mysql:/my", "hosts = db-1.example.org, inet:db_2:65535 [::1] [2001:db8::1]:3306\n"},
      {"mysql:/my", "hosts = unix:/run/mysqld.sock 127.0.0.1:1\n"},
      {"mysql:/my", "query = SELECT v FROM t WHERE k = '%s' AND n <> 'a;b';\n"},
      {"mysql:/my", "query = BEGIN NOT ATOMIC SET @k = '%s'; SELECT v FROM t WHERE k = @k; END\n"},
      {"pgsql:/pg", "hosts = /run/postgresql unix:/run/postgresql:5433 [::1]:5432 @abstract\n"},
      {"pgsql:/pg",
       "hosts = postgresql:///d postgresql://u@a:1/d, "
       "postgresql://[::1]:2,postgresql://b:/d?connect_timeout=1\n"},
      {"pgsql:/pg", "hosts = postgres://%2Frun%2Fpostgresql/d\n"},
      {"pgsql:/pg", "query = SELECT '%s; x' ; \n"},
      {"ldap:/ldap", "server_host = one two:3389 [::1] [::1]:389 ldapi://%2Frun%2Fldapi ldap://\n"},
      {"ldap:/ldap", "server_host = ldaps://one:636/ ldap://[::1]:389\n"},
      {"ldap:/ldap", "search_base = ou=a\\, b,dc=example\nquery_filter = mail=%s\n"},
      {"ldap:/ldap", "search_base = %d\n"},
  };
  for (const auto& one : cases) {
    EXPECT_EQ(error_of(one.spec, files(one.more, one.more, one.more)), "opened")
        << one.spec << " " << one.more;
  }
  const auto remote_ldap = remote("ldap:/ldap", files({}, "server_host = [::1] [::1]:390\n"));
  EXPECT_THAT(std::get<LdapTable>(remote_ldap->kind()).servers,
              ElementsAre("ldap://[::1]:389", "ldap://[::1]:390"));
  EXPECT_EQ(remote("mysql:/my", files())->servers(), "db1, inet:db2:3307, unix:/run/mysqld.sock");
  EXPECT_EQ(remote("ldap:/ldap", files())->servers(), "ldap://one, ldaps://two");
  EXPECT_EQ(remote("tcp:127.0.0.1:7", Texts())->servers(), "inet:127.0.0.1:7");
}

TEST(RemoteTable, results_are_formatted_and_limited) {
  const auto table = remote("pgsql:/pg", files("result_format = <%s>\nexpansion_limit = 2\n"));
  const auto made = [&](std::vector<std::string> results) {
    return table->value_of(results, "u@example.org");
  };
  EXPECT_EQ(made({"1", "", "2"}).value, "<1>,<2>");
  EXPECT_EQ(made({}).status, Status::absent);
  EXPECT_EQ(made({""}).status, Status::absent);
  EXPECT_THAT(made({"1", "2", "3"}).trouble, HasSubstr("expansion_limit"));
  EXPECT_EQ(recorded(made({"1"})), "found <1>");
  EXPECT_EQ(recorded(made({})), "absent");
}

TEST(RemoteTable, settings_as_they_are_meant) {
  const auto table = remote("ldap:/ldap", files({}, "start_tls = yes\ntimeout = 3\nscope = one\n"));
  const auto& settings = std::get<LdapTable>(table->kind());
  EXPECT_THAT(settings.servers, ElementsAre("ldap://one", "ldaps://two"));
  EXPECT_THAT(settings.attributes, ElementsAre("a", "b"));
  EXPECT_TRUE(settings.start_tls && settings.verify_certificate && settings.bind);
  EXPECT_EQ(settings.timeout, std::chrono::seconds(3));
  EXPECT_EQ(settings.bind_password.reveal(), "ldap-hunter2");
  const Texts short_form{{"/l", "server_host = a b:99\nserver_port = 390\nsearch_base = o=x\n"}};
  EXPECT_THAT(std::get<LdapTable>(remote("ldap:/l", short_form)->kind()).servers,
              ElementsAre("ldap://a:390", "ldap://b:99"));
  const auto database = remote("pgsql:/pg", files());
  EXPECT_THAT(std::get<PgsqlTable>(database->kind()).hosts, ElementsAre("db1", "db2:5433"));
  EXPECT_FALSE(database->is_pattern());
  const Texts older{{"/o", "dbname = d\nselect_function = f\n"},
                    {"/t", "dbname = d\ntable = t\nselect_field = v\nwhere_field = k\n"}};
  EXPECT_EQ(std::get<PgsqlTable>(remote("pgsql:/o", older)->kind()).query, "SELECT f('%s')");
  EXPECT_EQ(std::get<PgsqlTable>(remote("pgsql:/t", older)->kind()).query,
            "SELECT v FROM t WHERE k = '%s' ");
  const auto plain = std::get<MysqlTable>(remote("proxy:mysql:/my", files())->kind());
  EXPECT_THAT(plain.hosts, ElementsAre("db1", "inet:db2:3307", "unix:/run/mysqld.sock"));
  EXPECT_EQ(plain.password.reveal(), "my-hunter2");
  EXPECT_TRUE(!plain.tls && plain.require_result_set);
  const std::string more =
      "tls_CAfile = /ca\ntls_cert_file = /c\ntls_key_file = /k\ntls_verify_cert = yes\n"
      "charset = utf8\noption_group =\nidle_interval = 60\nrequire_result_set = no\n";
  const auto safe = std::get<MysqlTable>(remote("mysql:/my", files({}, {}, more))->kind());
  EXPECT_TRUE(safe.tls && safe.verify_name && !safe.require_result_set);
  EXPECT_THAT((std::vector{safe.ca_file, safe.certificate, safe.key}),
              ElementsAre("/ca", "/c", "/k"));
  TableSources with_find = files({}, {}, more).sources();
  with_find.find = [](const std::string& path) { return HostFile::open(path, FileRules{}); };
  const auto lacking = open_table("mysql:/my", with_find);
  ASSERT_FALSE(lacking);
  EXPECT_THAT(lacking.error().message, HasSubstr("/my: tls_CAfile: "));
  EXPECT_THAT(lacking.error().message, HasSubstr("/ca"));
  with_find.bad_rows = BadRows::skip;
  EXPECT_TRUE(open_table("mysql:/my", with_find)) << "recorded lists need no files";
  const auto names = remote("socketmap:inet:maps.example.org:7777:rbl", Texts());
  EXPECT_EQ(std::get<SocketmapTable>(names->kind()).service, "inet:maps.example.org:7777");
  const auto map = remote("socketmap:unix:/run/a:b:name", Texts());
  EXPECT_EQ(std::get<SocketmapTable>(map->kind()).service, "unix:/run/a:b");
  EXPECT_EQ(std::get<SocketmapTable>(map->kind()).map, "name");
  EXPECT_TRUE(map->is_pattern());
  EXPECT_EQ(std::get<TcpTable>(remote("tcp:[::1]:9", Texts())->kind()).service, "inet:[::1]:9");
  const auto preset = std::get<MemcacheTable>(remote("memcache:/e", {{"/e", ""}})->kind());
  EXPECT_EQ(preset.service, "inet:localhost:11211");
  EXPECT_EQ(preset.key_format, "%s");
  const auto cached = remote("proxy:memcache:/mc",
                             cache("memcache = unix:/run/mc\nttl = 60\nflags = 7\nmax_try = 5\n"
                                   "retry_pause = 3\ntimeout = 4\nline_size_limit = 99\n"
                                   "data_size_limit = 65536\n"));
  const auto set = std::get<MemcacheTable>(cached->kind());
  EXPECT_EQ(cached->servers(), "unix:/run/mc");
  EXPECT_EQ(set.tries, 5u);
  EXPECT_EQ(set.pause, std::chrono::seconds(3));
  EXPECT_EQ(set.timeout, std::chrono::seconds(4));
  EXPECT_EQ(set.longest_line, 99u);
  EXPECT_EQ(set.longest_value, 65'536u);
}

TEST(RemoteTable, refuses_what_it_cannot_mean) {
  const struct {
    const char* spec;
    const char* more;
    const char* says;
  } cases[] = {
      {"tcp:mail.example.org", "", "tcp:host:port"},
      {"tcp:127.0.0.1", "", "tcp:host:port"},
      {"tcp:127.0.0.1:99999", "", "tcp:host:port"},
      {"tcp:::1:9", "", "tcp:host:port"},
      {"tcp:127.0.1:9", "", "tcp:host:port"},
      {"socketmap:127.0.0.1:9:m", "", "socketmap:inet:host:port:name"},
      {"socketmap:inet:127.0.0.1:9:", "", "socketmap:inet:host:port:name"},
      {"socketmap:unix:relative:m", "", "socketmap:unix:/path:name"},
      {"pgsql:/pg", "colour = red\n", "/pg line 6: `colour` is not a setting of pgsql tables"},
      {"pgsql:/pg", "pg-hunter2\n", "/pg line 6: write name = value"},
      {"pgsql:/pg", "query =\n", "query is missing"},
      {"pgsql:/pg", "query = SELECT '%q'\n", "`%` without a meaning"},
      {"pgsql:/pg", "query = SELECT v FROM t WHERE k = %u\n", "within '...'"},
      {"pgsql:/pg", "query = SELECT v FROM t WHERE k = E'%s'\n", "E'...' is not carried"},
      {"pgsql:/pg", "query = SELECT v FROM \"%d\"\n", "within '...'"},
      {"pgsql:/pg", "query = SELECT $$%s$$\n", "dollar quotes"},
      {"pgsql:/pg", "query = SELECT '%s' -- it's\n", "comments"},
      {"pgsql:/pg", "query = SELECT '%s\n", "a quote is not closed"},
      {"pgsql:/pg", "dbname =\n", "dbname is missing"},
      {"pgsql:/pg", "dbname = password=pg-hunter2\n", "not a connection string"},
      {"pgsql:/pg", "encoding = LATIN1\n", "UTF8"},
      {"pgsql:/pg", "hosts = postgresql://u:pg-hunter2@h/d\n", "a URI with a password"},
      {"pgsql:/pg", "hosts = postgresql://h/d?password=pg-hunter2\n", "a URI with a password"},
      {"pgsql:/pg", "hosts = http://h\n", "postgresql://"},
      {"pgsql:/pg", "domain = /etc/domains\n", "texthash:/etc/domains"},
      {"mysql:/my", "colour = red\n", "`colour` is not a setting of mysql tables"},
      {"mysql:/my", "select_function = f\n", "`select_function` is not a setting"},
      {"mysql:/my", "query = SELECT v FROM t WHERE k = \"%s\"\n", "within '...'"},
      {"mysql:/my", "query = SELECT `%s` FROM t\n", "within '...'"},
      {"mysql:/my", "query = SELECT '%s' FROM `its\n", "not closed"},
      {"mysql:/my", "query = SELECT '\\'%s' FROM t\n", "a backslash"},
      {"mysql:/my", "query = SELECT '%s' # it's\n", "comments"},
      {"mysql:/my", "query = SELECT '%s' -- it's\n", "comments"},
      {"mysql:/my", "query = SELECT '%s' /*! it's */\n", "comments"},
      {"mysql:/my", "dbname =\n", "dbname is missing"},
      {"mysql:/my", "hosts = mysql://u:my-hunter2@h/d\n", "hosts: write host"},
      {"mysql:/my", "hosts = unix:run/mysqld.sock\n", "the whole path"},
      {"mysql:/my", "hosts = 127.0.0.1:x\n", "hosts: `127.0.0.1:x` is not a server: write host"},
      {"mysql:/my", "hosts = db1:0\n", "`db1:0` is not a server"},
      {"mysql:/my", "hosts = db1 db2:65536\n", "`db2:65536` is not a server"},
      {"mysql:/my", "hosts = db1:\n", "`db1:` is not a server"},
      {"mysql:/my", "hosts = ::1\n", "[::1]:port"},
      {"mysql:/my", "hosts = [db1]:3306\n", "`[db1]:3306` is not a server"},
      {"mysql:/my", "hosts = inet:\n", "`inet:` is not a server"},
      {"mysql:/my", "hosts = u:my-hunter2@db1\n", "is not a server"},
      {"mysql:/my", "hosts = /run/mysqld.sock\n", "write unix:/run/mysqld.sock"},
      {"mysql:/my", "query = SELECT '%s'; DROP TABLE t\n", "only one statement is sent"},
      {"pgsql:/pg", "hosts = db1:x\n", "hosts: `db1:x` is not a server"},
      {"pgsql:/pg", "hosts = db1;db2\n", "`db1;db2` is not a server"},
      {"pgsql:/pg", "hosts = postgresql://db1:x/d\n", "hosts: the URI has no server"},
      {"pgsql:/pg", "hosts = postgresql://u@db1:5432/d,postgresql://db2:0/d\n",
       "hosts: the URI has no server"},
      {"pgsql:/pg", "query = SELECT '%s' ; SELECT 2\n", "only one statement is sent"},
      {"pgsql:/pg", "query = SELECT '%s';;\n", "only one statement is sent"},
      {"mysql:/my", "charset = latin1\n", "utf8mb4"},
      {"mysql:/my", "option_file = /etc/mysql/my.cnf\n", "no my.cnf is read"},
      {"mysql:/my", "option_group = client\n", "no my.cnf is read"},
      {"mysql:/my", "tls_verify_cert = perhaps\n", "tls_verify_cert is neither yes nor no"},
      {"mysql:/my", "require_result_set = 2\n", "require_result_set is neither yes nor no"},
      {"mysql:users", "", "settings of tables in main.cf are not read"},
      {"ldap:/ldap", "special_result_attribute = member\n", "special_result_attribute"},
      {"ldap:/ldap", "leaf_result_attribute = x\n", "leaf_result_attribute"},
      {"ldap:/ldap", "bind = sasl\n", "SASL is not carried"},
      {"ldap:/ldap", "bind_pw =\n", "bind_dn without bind_pw"},
      {"ldap:accounts", "", "settings of tables in main.cf are not read"},
      {"ldap:/ldap", "search_base =\n", "search_base is missing"},
      {"ldap:/ldap", "query_filter = (a=%q)\n", "query_filter"},
      {"ldap:/ldap", "scope = children\n", "scope is sub, one or base"},
      {"ldap:/ldap", "timeout = 0\n", "timeout"},
      {"ldap:/ldap", "version = 4\n", "version"},
      {"ldap:/ldap", "server_host = http://x\n", "server_host"},
      {"ldap:/ldap", "server_port = many\n", "server_port"},
      {"ldap:/ldap", "cache = yes\n", "`cache` is not a setting of ldap tables"},
      {"ldap:/ldap", "start_tls = perhaps\n", "start_tls is neither yes nor no"},
      {"ldap:/ldap", "result_attribute =\n", "result_attribute is empty"},
      {"ldap:/ldap", "server_host = one:x\n", "server_host: `one:x` is not a server"},
      {"ldap:/ldap", "server_host = ldap://one:x\n", "server_host: the URI has no server"},
      {"ldap:/ldap", "server_host = ldaps://one:99999/\n", "server_host: the URI has no server"},
      {"ldap:/ldap", "search_base = people\n", "search_base: write a distinguished name"},
      {"ldap:/ldap", "search_base = ou=people,,dc=org\n", "search_base: write"},
      {"ldap:/ldap", "query_filter = (&(mail=%s)(a=b)\n", "query_filter: a parenthesis"},
      {"ldap:/ldap", "query_filter = (mail=%s))\n", "query_filter: a parenthesis"},
      {"ldap:/ldap", "query_filter = (mail=%s)(a=b)\n", "query_filter: a parenthesis"},
  };
  for (const auto& one : cases) {
    const std::string error = error_of(one.spec, files(one.more, one.more, one.more));
    EXPECT_THAT(error, HasSubstr(one.says)) << one.spec << " " << one.more;
    EXPECT_THAT(error, Not(HasSubstr("hunter2"))) << one.spec << " " << one.more;
  }
}

TEST(RemoteTable, refuses_settings_of_a_cache) {
  const struct {
    const char* more;
    const char* says;
  } cases[] = {
      {"colour = red\n", "/mc line 2: `colour` is not a setting of memcache tables"},
      {"result_format = <%s>\n", "`result_format` is not a setting"},
      {"memcache = 127.0.0.1:11211\n", "/mc: memcache: write inet:host:port (1 to 65535) or"},
      {"memcache = inet:127.0.0.1\n", "memcache: write"},
      {"memcache = inet:127.0.0.1:0\n", "memcache: write"},
      {"memcache = inet:a:1 inet:b:1\n", "memcache: write"},
      {"memcache = unix:run/mc\n", "memcache: write"},
      {"memcache =\n", "memcache: write"},
      {"key_format =\n", "/mc: key_format is empty"},
      {"key_format = %x\n", "/mc: key_format has a `%` without a meaning"},
      {"key_format = a %s\n", "/mc: key_format has white space"},
      {"max_try = 0\n", "/mc: max_try: write 1 to 100"},
      {"retry_pause = 0\n", "/mc: retry_pause: write 1 to 3600"},
      {"timeout = 2s\n", "/mc: timeout: write 1 to 3600"},
      {"line_size_limit = 3\n", "/mc: line_size_limit: write 4 to 65536"},
      {"data_size_limit = 65537\n", "/mc: data_size_limit: write 1 to 65536"},
      {"ttl = 1h\n", "/mc: ttl: write 0 to"},
      {"flags = x\n", "/mc: flags: write 0 to"},
      {"backup = /etc/access\n", "/mc: backup: `/etc/access` is not a table; write type:name"},
      {"backup = texthash:/none\n", "/mc: backup: "},
      {"backup = nis:people\n", "/mc: backup: nis:people: type nis is not carried"},
      {"domain = /etc/domains\n", "texthash:/etc/domains"},
  };
  for (const auto& one : cases) {
    EXPECT_THAT(error_of("memcache:/mc", cache(one.more)), HasSubstr(one.says)) << one.more;
  }
  EXPECT_THAT(error_of("memcache:people", {}), HasSubstr("settings of tables in main.cf"));
}

// --- in lists ---

std::map<std::string, std::string, std::less<>> lists() {
  return {{"compatibility_level", "3.6"},
          {"mynetworks", "tcp:127.0.0.1:1"},
          {"mydestination", ""},
          {"relay_domains", "pgsql:/pg"},
          {"relay_recipient_maps", "ldap:/ldap"},
          {"rbl_reply_maps", "socketmap:inet:127.0.0.1:2:rbl"},
          {"smtpd_sender_restrictions", "check_sender_access tcp:127.0.0.1:3"},
          {"smtpd_relay_restrictions", "permit_mynetworks, reject_unauth_destination"},
          {"smtpd_recipient_restrictions", "reject_rbl_client bl.example.net"}};
}

/// A server that has the answers a test gave it, and "absent" for other keys.
struct Server {
  std::map<std::pair<std::string, std::string>, std::string> says;
  std::set<std::string> down;
  std::vector<std::string> asked;

  void answer(Consultation question, policy::Evidence& evidence) {
    asked.push_back(question.service + " " + question.request);
    const auto known = says.find({question.service, question.request});
    question.failed = down.contains(question.service);
    question.answer = question.failed       ? "nobody listens"
                      : known == says.end() ? recorded({})
                                            : "found " + known->second;
    evidence.consulted.push_back(std::move(question));
  }

  Evaluated evaluate(const ListPolicy& policy, policy::Evidence& evidence) {
    for (;;) {
      Evaluated result = restrictions::evaluate(policy, evidence, policy::Stage::rcpt);
      if (result.wanted_service) {
        answer(std::move(*result.wanted_service), evidence);
      } else if (result.wanted_dns) {
        const bool listed = result.wanted_dns->name.ends_with("bl.example.net") &&
                            result.wanted_dns->type == dns::Type::a;
        dns::Answer answer{.status = listed ? dns::Status::found : dns::Status::nx_domain,
                           .records = {}};
        if (listed) answer.records.push_back("127.0.0.2");
        evidence.dns.push_back({std::move(*result.wanted_dns), std::move(answer)});
      } else {
        return result;
      }
    }
  }
};

struct Lists : testing::Test {
  Compiled compiled = compile(Parameters(lists(), "mx.example.net"),
                              files("query = SELECT 1 WHERE '%s'\n").sources());
  Server server;

  std::string why;  ///< of the last mark

  std::string reply(const char* recipient) {
    policy::Evidence evidence = policy::testing::from_client("192.0.2.10");
    evidence.reverse_path = *mail::parse_mailbox("sender@example.com", mail::Utf8::refused);
    evidence.candidate = policy::Recipient{
        .address = *mail::parse_mailbox(recipient, mail::Utf8::refused), .route = {}};
    const Evaluated result = server.evaluate(*compiled.policy, evidence);
    why = result.marks.empty() ? "" : std::string(result.marks.back().detail());
    return result.reply.code == 0 ? "accepted" : result.reply.to_string();
  }
};

TEST_F(Lists, decide_by_what_other_programs_say) {
  ASSERT_TRUE(compiled.policy);
  EXPECT_THAT(reply("u@elsewhere.example"), HasSubstr("554 5.7.1 <u@elsewhere.example>: Relay"));
  server.says[{"pgsql:/pg", "ours.example"}] = "x";
  EXPECT_THAT(reply("u@ours.example"), HasSubstr("Service unavailable; Client host"));
  server.says[{"socketmap:inet:127.0.0.1:2:rbl", "bl.example.net"}] = "521 5.7.9 go away";
  EXPECT_EQ(reply("u@ours.example"), "521 5.7.9 go away");
  server.says[{"tcp:127.0.0.1:3", "sender@example.com"}] = "REJECT not you";
  EXPECT_THAT(reply("u@ours.example"), HasSubstr("554 5.7.1 <sender@example.com>: Sender address "
                                                 "rejected: not you"));
  server.asked.clear();
  server.says[{"tcp:127.0.0.1:3", "sender@example.com"}] = "OK";
  server.says[{"tcp:127.0.0.1:1", "192.0.2.10"}] = "inside";
  reply("u@ours.example");
  // Each table is asked once, and a tcp table only for whole keys.
  EXPECT_THAT(server.asked,
              ElementsAre("pgsql:/pg example.com", "pgsql:/pg com", "pgsql:/pg ours.example",
                          "tcp:127.0.0.1:3 sender@example.com", "tcp:127.0.0.1:1 192.0.2.10",
                          "socketmap:inet:127.0.0.1:2:rbl bl.example.net"));
}

TEST_F(Lists, unlisted_recipients_of_a_relay_domain) {
  auto settings = lists();
  settings["smtpd_recipient_restrictions"] = "";
  compiled = compile(Parameters(settings, "mx.example.net"),
                     files("query = SELECT 1 WHERE '%s'\n").sources());
  server.says[{"pgsql:/pg", "ours.example"}] = "x";
  EXPECT_THAT(reply("u@ours.example"), HasSubstr("550 5.1.1 <u@ours.example>: Recipient address "
                                                 "rejected: User unknown in relay recipient"));
  server.says[{"ldap:/ldap", "u@ours.example"}] = "x";
  EXPECT_EQ(reply("u@ours.example"), "accepted");
  server.down = {"ldap:/ldap"};
  EXPECT_THAT(reply("u@ours.example"), HasSubstr("451 4.3.0"));
}

TEST_F(Lists, defer_while_a_server_is_down) {
  server.says[{"pgsql:/pg", "ours.example"}] = "x";
  server.down = {"tcp:127.0.0.1:3"};
  EXPECT_THAT(reply("u@ours.example"), HasSubstr("451 4.3.5"));
  EXPECT_EQ(why, "tcp:127.0.0.1:3: nobody listens");
  server.down = {"tcp:127.0.0.1:1"};
  EXPECT_THAT(reply("u@ours.example"), HasSubstr("451 4.3.0"));
  EXPECT_EQ(why, "mynetworks cannot be read: tcp:127.0.0.1:1: nobody listens");
  // Not "relay access denied": whether the domain is ours is unknown.
  server.down = {"pgsql:/pg"};
  EXPECT_THAT(reply("u@ours.example"), HasSubstr("451 4.3.0 <u@ours.example>: Temporary lookup"));
  EXPECT_EQ(why, "the lists of domains cannot be read: pgsql:/pg: nobody listens");
  auto settings = lists();
  settings["smtpd_recipient_restrictions"] = "permit";
  compiled = compile(Parameters(settings, "mx.example.net"),
                     files("query = SELECT 1 WHERE '%s'\n").sources());
  server.down = {"ldap:/ldap"};
  EXPECT_THAT(reply("u@ours.example"), HasSubstr("451 4.3.0"));
  EXPECT_EQ(why, "ldap:/ldap: nobody listens");
  // A table within another one.
  settings["smtpd_sender_restrictions"] = "check_sender_access unionmap:{tcp:127.0.0.1:3}";
  compiled = compile(Parameters(settings, "mx.example.net"),
                     files("query = SELECT 1 WHERE '%s'\n").sources());
  server.down = {"tcp:127.0.0.1:3"};
  EXPECT_THAT(reply("u@ours.example"), HasSubstr("451 4.3.5"));
  EXPECT_EQ(why, "unionmap:{tcp:127.0.0.1:3}: tcp:127.0.0.1:3: nobody listens");
}

TEST_F(Lists, a_definition_holds_no_secret_and_connects_to_nothing) {
  const Loaded loaded =
      load(Parameters(lists(), "mx.example.net"), files().sources(), Errors::refuse);
  ASSERT_TRUE(loaded.compiled.policy);
  EXPECT_EQ(loaded.compiled.policy->remote_tables.size(), 5u);
  for (const char* secret : {"hunter2", "db1", "ldaps://two", "cn=postern"}) {
    EXPECT_THAT(loaded.definition, Not(HasSubstr(secret)));
  }
  EXPECT_THAT(loaded.definition, HasSubstr("SELECT v FROM access"));
  const auto layer = layer_from_definition(loaded.definition);
  ASSERT_TRUE(layer) << layer.error().message;
  EXPECT_EQ((*layer)->definition(), loaded.definition);
  EXPECT_EQ(without_secrets("query = a\n  b\npassword = x\n  y\nquery_filter=z\nbind_pw = q\n"),
            "query = a  b\nquery_filter=z\n");
}

TEST(Definitions, tell_servers_apart_without_naming_them) {
  const auto kept = [](const std::string& settings) {
    return without_secrets("query = q\n" + settings);
  };
  const std::string one = kept("hosts = db1\nuser = u\npassword = p\n");
  EXPECT_THAT(one, AllOf(HasSubstr("query = q\n# "), Not(HasSubstr("db1"))));
  EXPECT_EQ(without_secrets(one), one) << "a definition is read again";
  EXPECT_EQ(kept("hosts =  db1 \nuser = u\npassword = other\ntimeout = 3\n"), one);
  EXPECT_NE(kept("hosts = db2\nuser = u\npassword = p\n"), one);
  EXPECT_NE(kept("hosts = db1\nuser = other\npassword = p\n"), one);
  EXPECT_EQ(kept("hosts = postgresql://u:12345@db1/x\n"),
            kept("hosts = postgresql://u:abcde@db1/x\n"));
}

TEST_F(Lists, the_linter_takes_them_for_anything) {
  auto settings = lists();
  const auto report = [&] {
    const Compiled made = compile(Parameters(settings, "mx.example.net"),
                                  files("query = SELECT 1 WHERE '%s'\n").sources());
    return lint(*made.draft, made.diagnostics);
  };
  EXPECT_EQ(report().open_relay, OpenRelay::no);
  settings["smtpd_relay_restrictions"] = "check_recipient_access pgsql:/pg, reject";
  settings["smtpd_recipient_restrictions"] = "permit";
  EXPECT_EQ(report().open_relay, OpenRelay::keyed);
  settings["smtpd_relay_restrictions"] = "check_recipient_access pgsql:/pg";
  EXPECT_EQ(report().open_relay, OpenRelay::yes);
}

}  // namespace
}  // namespace postern::dialect::restrictions
