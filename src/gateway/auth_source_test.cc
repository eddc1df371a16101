#include "gateway/auth_source.h"

#include <filesystem>
#include <thread>

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/patience_test.h"
#include "base/temporary_folder_test.h"
#include "base/text.h"
#include "gateway/auth_source_verifier.h"
#include "net/scripted_http_server.h"
#include "policy/bcrypt.h"
#include "policy/inquiry.h"
#include "policy/step.h"
#include "policy/testing.h"

namespace postern::gateway {
namespace {

using SourceKind = AuthSource::Kind;
using Said = policy::AuthAnswer::Kind;

/// An HTTP client that returns the test's answers.
class AnsweringWorld final : public script::World {
 public:
  Task<Result<script::HttpAnswer>> http(script::HttpQuestion question,
                                        script::Clock::time_point) override {
    asked.push_back(std::move(question));
    co_return answer;
  }
  Task<Result<void>> blocking(std::function<void()> job) override {
    job();
    co_return Result<void>();
  }
  void log(std::string_view, std::string_view, std::string_view) override {}
  Result<script::HttpAnswer> answer = script::HttpAnswer{404, ""};
  std::vector<script::HttpQuestion> asked;
};

class AuthSourceTest : public testing::Test {
 protected:
  void open(AuthSource source) {
    ASSERT_TRUE(complaints_of(source, AuthFiles::read).empty())
        << complaints_of(source, AuthFiles::read)[0].message;
    auto opened = open_auth_source(source, {hashing, lookups, world});
    ASSERT_TRUE(opened) << opened.error().message;
    verifier = *opened;
  }
  /// "accepted scott", "unknown", ...
  std::string ask(std::string user, std::string password, std::string mechanism = "PLAIN") {
    policy::Evidence evidence;
    policy::testing::CountingGatherer gatherer;
    steps.clear();
    const policy::AuthAttempt attempt{.mechanism = std::move(mechanism),
                                      .authz_id = authz_id,
                                      .authn_id = std::move(user),
                                      .password = Secret(std::move(password))};
    policy::Tape tape;
    policy::Inquiry inquiry(evidence, gatherer, tape);
    answer = policy::testing::run(verifier->verify(attempt, inquiry, steps));
    EXPECT_EQ(steps.size(), 1u);
    static constexpr const char* words[] = {"unknown", "refused", "unavailable", "accepted "};
    std::string said = words[static_cast<int>(answer.kind)];
    if (answer.kind == Said::accepted) said += answer.identity.username;
    return said;
  }

  tests::TemporaryFolder home;
  net::WorkPool hashing{1, 8};
  net::WorkPool lookups{1, 8};
  AnsweringWorld world;
  std::shared_ptr<const policy::Verifier> verifier;
  policy::AuthAnswer answer;
  std::string authz_id;
  std::vector<policy::Step> steps;
};

std::string hash_of(const char* password) {
  return policy::bcrypt_hash(Secret(password), 4)->reveal();
}

TEST_F(AuthSourceTest, says_what_is_missing_before_anything_is_opened) {
  struct Case {
    AuthSource source;
    std::string_view key;
  };
  const Case cases[] = {
      {{.kind = SourceKind::fixed}, "users"},
      {{.kind = SourceKind::fixed, .users = {"scott:tiger"}}, "users"},
      {{.kind = SourceKind::fixed, .users = {"scott"}}, "users"},
      {{.kind = SourceKind::htpasswd}, "file"},
      {{.kind = SourceKind::htpasswd, .file = "/nonexistent/htpasswd"}, "file"},
      {{.kind = SourceKind::sqlite, .file = "x.db"}, "query"},
      {{.kind = SourceKind::sqlite, .file = "x.db", .query = "SELECT :name"}, "query"},
      {{.kind = SourceKind::postgresql, .query = "SELECT 1"}, "servers"},
      {{.kind = SourceKind::mysql, .query = "SELECT 1"}, "servers"},
      {{.kind = SourceKind::mysql, .servers = {"localhost"}}, "query"},
      {{.kind = SourceKind::mysql, .query = "SELECT 'it\\'s', :user", .servers = {"localhost"}},
       "query"},
      {{.kind = SourceKind::mysql, .query = "SELECT :user # who's", .servers = {"localhost"}},
       "query"},
      {{.kind = SourceKind::mysql,
        .query = "SELECT f(:password)",
        .servers = {"unix:/s", "192.0.2.1"}},
       "start_tls"},
      {{.kind = SourceKind::ldap, .servers = {"ldap://h"}}, "dn"},
      {{.kind = SourceKind::ldap, .servers = {"ldap://h"}, .dn = "uid=%x"}, "dn"},
      {{.kind = SourceKind::ldap, .servers = {"ldap://h"}, .filter = "(uid=%u)"}, "base"},
      {{.kind = SourceKind::vault, .address = "ftp://v", .token = "/dev/null", .path = "%s"},
       "address"},
      {{.kind = SourceKind::introspection}, "address"},
      {{.kind = SourceKind::dovecot}, "file"},
      {{.kind = SourceKind::htpasswd, .scram = true, .file = "/dev/null"}, "scram"},
      {{.kind = SourceKind::sqlite, .scram = true, .file = "x", .query = "SELECT :password"},
       "scram"},
  };
  for (const Case& c : cases) {
    const auto found = complaints_of(c.source, AuthFiles::read);
    ASSERT_FALSE(found.empty()) << c.key;
    EXPECT_EQ(found[0].key, c.key) << found[0].message;
    EXPECT_EQ(found[0].message.find("tiger"), std::string::npos);
  }
}

TEST_F(AuthSourceTest, a_query_of_mysql_may_have_the_password_on_this_machine_or_in_tls) {
  AuthSource source{.kind = SourceKind::mysql, .query = "SELECT `f`(:user, :password)"};
  for (const char* server : {"unix:/run/mysqld.sock", "localhost", "127.0.0.1:3306", "[::1]"}) {
    source.servers = {server};
    EXPECT_TRUE(complaints_of(source, AuthFiles::read).empty()) << server;
  }
  source.servers = {"db.example.net"};
  EXPECT_FALSE(complaints_of(source, AuthFiles::read).empty());
  source.start_tls = true;
  EXPECT_TRUE(complaints_of(source, AuthFiles::read).empty());
}

TEST_F(AuthSourceTest, users_of_the_configuration) {
  const smtp::ScramKeys keys = smtp::scram_keys_of(Secret("tiger"), "salt", 4096);
  open({.kind = SourceKind::fixed,
        .name = "own",
        .scram = true,
        .users = {"scott:" + hash_of("tiger"), "ann:SCRAM-SHA-256$4096:c2FsdA==$" +
                                                   base64_encode(keys.stored_key) + ":" +
                                                   base64_encode(keys.server_key)}});
  EXPECT_EQ(ask("scott", "tiger"), "accepted scott");
  EXPECT_EQ(steps[0].check, "static");
  EXPECT_EQ(steps[0].origin, "own");
  EXPECT_EQ(ask("scott", "Tiger"), "refused");
  EXPECT_EQ(ask("Scott", "tiger"), "unknown");
  EXPECT_EQ(ask("ann", "tiger"), "accepted ann");
  EXPECT_TRUE(verifier->serves("SCRAM-SHA-256"));
  EXPECT_EQ((*policy::testing::run(verifier->scram_keys("ann", "salt of sixteen.")))->stored_key,
            keys.stored_key);
  EXPECT_FALSE(*policy::testing::run(verifier->scram_keys("scott", "salt of sixteen.")));
  EXPECT_FALSE(*policy::testing::run(verifier->scram_keys("nobody", "salt of sixteen.")));
}

TEST_F(AuthSourceTest, a_file_of_users_is_read_again_when_it_changes) {
  const std::string file = home.write("htpasswd", "# people\n\nscott:" + hash_of("tiger") + "\r\n");
  open({.kind = SourceKind::htpasswd, .file = file});
  EXPECT_FALSE(verifier->serves("SCRAM-SHA-256"));
  EXPECT_EQ(ask("scott", "tiger"), "accepted scott");
  home.write("htpasswd", "scott:" + hash_of("lion") + "\nann:" + hash_of("tiger") + "\n");
  EXPECT_EQ(ask("scott", "tiger"), "refused");
  EXPECT_EQ(ask("ann", "tiger"), "accepted ann");
  // If the new file is invalid, the old users stay.
  home.write("htpasswd", "ann:$apr1$lZL6V/ci$eIMz/iKDkbtys/uU7LEK00\n");
  EXPECT_EQ(ask("scott", "lion"), "accepted scott");
  const auto found = complaints_of({.kind = SourceKind::htpasswd, .file = file}, AuthFiles::read);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_NE(found[0].message.find("htpasswd line 1"), std::string::npos) << found[0].message;
}

TEST_F(AuthSourceTest, plain_passwords_stand_in_files_alone) {
  open({.kind = SourceKind::fixed,
        .scram = true,
        .scram_iterations = 6000,
        .file = home.write("users", "scott:{PLAIN}ti:ger\n")});
  EXPECT_EQ(ask("scott", "ti:ger"), "accepted scott");
  EXPECT_EQ(ask("scott", "{PLAIN}ti:ger"), "refused");
  const auto keys = *policy::testing::run(verifier->scram_keys("scott", "salt of sixteen."));
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->salt, "salt of sixteen.");
  EXPECT_EQ(keys->iterations, 6000u);
  EXPECT_EQ(verifier->scram_iterations(), 6000u);
  EXPECT_FALSE(
      complaints_of({.kind = SourceKind::htpasswd, .file = home.file("users")}, AuthFiles::read)
          .empty());
}

TEST_F(AuthSourceTest, sqlite_is_asked_with_parameters) {
  const std::string file = home.file("users.db");
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(file.c_str(), &database), SQLITE_OK);
  const std::string sql =
      "CREATE TABLE users(name TEXT, hash TEXT); INSERT INTO users VALUES('scott','" +
      hash_of("tiger") + "'),('o''neil','" + hash_of("tiger") +
      "'),('empty',''),('null',NULL),('two','a'),('two','b'),('plain','tiger')";
  ASSERT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(database);
  AuthSource source{.kind = SourceKind::sqlite,
                    .file = file,
                    .query = "SELECT hash FROM users WHERE name = :user"};
  open(source);
  EXPECT_EQ(ask("scott", "tiger"), "accepted scott");
  EXPECT_EQ(ask("scott", "lion"), "refused");
  EXPECT_EQ(ask("o'neil", "tiger"), "accepted o'neil");
  EXPECT_EQ(ask("x' OR '1'='1", "tiger"), "unknown");
  EXPECT_EQ(ask("null", "tiger"), "unknown");
  EXPECT_EQ(ask("two", "tiger"), "unavailable");
  EXPECT_EQ(ask("empty", "tiger"), "unavailable");
  EXPECT_EQ(ask("plain", "tiger"), "unavailable");
  EXPECT_EQ(answer.detail.find("tiger"), std::string::npos);

  source.query =
      "SELECT name = 'scott' AND :password = 'tiger' FROM users WHERE name = :local LIMIT 1";
  open(source);
  EXPECT_EQ(ask("scott@example.com", "tiger"), "accepted scott@example.com");
  EXPECT_EQ(ask("scott", "lion"), "refused");
  EXPECT_EQ(ask("ghost", "lion"), "unknown");

  for (const char* query : {"DELETE FROM users", "SELECT hash, name FROM users WHERE name = :user",
                            "SELECT 1; SELECT 2", "no SQL", "",
                            "SELECT hash FROM users WHERE name = :user AND "
                            "length(hex(zeroblob(1000000))) > 0"}) {
    source.query = query;
    verifier = *open_auth_source(source, {hashing, lookups, world});
    EXPECT_EQ(ask("scott", "tiger"), "unavailable") << query;
  }
  source.query = "SELECT hash FROM users WHERE name = :user";
  source.file = home.file("missing.db");
  open(source);
  EXPECT_EQ(ask("scott", "tiger"), "unavailable");
  EXPECT_FALSE(std::filesystem::exists(source.file));
  source.file = home.file("pipe.db");
  ASSERT_EQ(::mkfifo(source.file.c_str(), 0600), 0);
  open(source);
  EXPECT_EQ(ask("scott", "tiger"), "unavailable") << "a FIFO would not open before it has a writer";
}

TEST_F(AuthSourceTest, a_query_that_runs_too_long_ends) {
  open({.kind = SourceKind::sqlite,
        .timeout = std::chrono::milliseconds(200),
        .file = home.write("slow.db", ""),
        .query = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
                 "SELECT count(*) || :user FROM n"});
  EXPECT_EQ(ask("scott", "tiger"), "unavailable");
}

Task<bool> nap(net::WorkPool& pool, std::chrono::milliseconds length, std::atomic<bool>& begun) {
  auto work = [length, &begun] {
    begun = true;
    std::this_thread::sleep_for(length);
    return true;
  };
  const auto done = co_await pool.run(std::move(work));
  co_return done.has_value();
}

TEST_F(AuthSourceTest, a_lock_is_waited_for_within_the_time_of_the_query) {
  const std::string file = home.file("locked.db");
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(file.c_str(), &database), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(database,
                         "CREATE TABLE users(name TEXT, hash TEXT);"
                         "INSERT INTO users VALUES('scott','x'); BEGIN EXCLUSIVE",
                         nullptr, nullptr, nullptr),
            SQLITE_OK);
  constexpr std::chrono::milliseconds timeout(400);
  constexpr std::chrono::milliseconds in_queue(350);
  open({.kind = SourceKind::sqlite,
        .timeout = timeout,
        .file = file,
        .query = "SELECT hash FROM users WHERE name = :user"});
  // The only thread has other work first; the lock is waited for in what remains of the time. A
  // busy machine may take longer now and then.
  EXPECT_TRUE(tests::eventually([&] {
    std::atomic<bool> begun = false;
    std::thread other([&] { EXPECT_TRUE(policy::testing::run(nap(lookups, in_queue, begun))); });
    while (!begun) std::this_thread::yield();
    const auto asked = Clock::now();
    EXPECT_EQ(ask("scott", "tiger"), "unavailable");
    const auto took = Clock::now() - asked;
    other.join();
    return took < timeout + in_queue;
  }));
  sqlite3_close(database);
  open({.kind = SourceKind::sqlite,
        .file = file,
        .query = "SELECT name FROM users WHERE name = :user AND :password = 'tiger'"});
  EXPECT_EQ(ask("scott", "tiger"), "refused") << "without the lock it is asked";
}

TEST(AuthSourceQuery, names_are_filled_in_where_they_are_names) {
  const auto shout = [](std::string_view name) { return "<" + std::string(name) + ">"; };
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"SELECT :user", "SELECT <user>"},
      {"a=:user AND b=:domain", "a=<user> AND b=<domain>"},
      {"':user' \":user\" -- :user\n:user", "':user' \":user\" -- :user\n<user>"},
      {"/* :user */ x::text :: :user", "/* :user */ x::text :: <user>"},
      {"'it''s :user' :user", "'it''s :user' <user>"},
      {": :", ": :"},
      {"'open :user", "'open :user"},
  };
  for (const auto& [query, wanted] : cases) EXPECT_EQ(with_names(query, shout), wanted);
  EXPECT_TRUE(has_name("SELECT f(:user, :password)", "password"));
  EXPECT_FALSE(has_name("SELECT ':password'", "password"));
}

TEST_F(AuthSourceTest, names_that_ask_for_the_same_are_one_account) {
  const std::string token = home.write("token", "hvs.t\n");
  const auto sql = [](std::string query) {
    return AuthSource{.kind = SourceKind::sqlite, .file = "x.db", .query = std::move(query)};
  };
  const auto dn = [](std::string name) {
    return AuthSource{.kind = SourceKind::ldap, .servers = {"ldap://h"}, .dn = std::move(name)};
  };
  const auto vault = [&](std::string path) {
    return AuthSource{.kind = SourceKind::vault,
                      .address = "http://127.0.0.1:8200",
                      .token = token,
                      .path = std::move(path)};
  };
  struct Case {
    AuthSource source;
    std::string wanted;  ///< of scott@example.org
  };
  const Case cases[] = {
      {sql("SELECT h FROM u WHERE n = :user"), "scott@example.org"},
      {sql("SELECT h FROM u WHERE n = :local"), "scott"},
      {sql("SELECT f(:local, :password) -- :domain"), "scott"},
      {sql("SELECT h FROM u WHERE n = :local AND d = :domain"), "scott@example.org"},
      {sql("SELECT h FROM u WHERE n = :local OR n = :user"), "scott@example.org"},
      {sql("SELECT h FROM u WHERE d = :domain"), "@example.org"},
      {sql("SELECT h FROM u WHERE p = :password"), "scott@example.org"},
      {dn("uid=%u,dc=example"), "scott"},
      {dn("uid=%U,dc=100%%d"), "scott"},
      {dn("uid=%s,dc=example"), "scott@example.org"},
      {dn("uid=%u,dc=%d"), "scott@example.org"},
      {dn("uid=%u,dc=%2"), "scott@example.org"},
      {{.kind = SourceKind::ldap, .servers = {"ldap://h"}, .base = "dc=x", .filter = "(uid=%u)"},
       "scott"},
      {vault("smtp/%u"), "scott"},
      {vault("smtp/%d/%u"), "scott@example.org"},
      {{.kind = SourceKind::fixed, .users = {"scott:" + hash_of("tiger")}}, "scott@example.org"},
      {{.kind = SourceKind::dovecot, .file = "x"}, "scott@example.org"},
  };
  for (const Case& c : cases) {
    open(c.source);
    EXPECT_EQ(verifier->accounts_of("scott@example.org"), std::vector{c.wanted})
        << c.source.query << c.source.dn << c.source.path;
  }
  open(sql("SELECT h FROM u WHERE n = :local AND d = :domain"));
  EXPECT_EQ(verifier->accounts_of("scott@"), verifier->accounts_of("scott"));
}

TEST_F(AuthSourceTest, vault_has_passwords_or_hashes) {
  open({.kind = SourceKind::vault,
        .scram = true,
        .address = "http://127.0.0.1:8200",
        .token = home.write("token", "hvs.t\n"),
        .path = "smtp-auth/%s"});
  const auto holds = [&](std::string_view value) {
    world.answer =
        script::HttpAnswer{200, R"({"data":{"data":{"key":")" + std::string(value) + R"("}}})"};
  };
  holds("tiger");
  EXPECT_EQ(ask("scott", "tiger"), "accepted scott");
  EXPECT_EQ(world.asked.back().url, "http://127.0.0.1:8200/v1/secret/data/smtp-auth/scott");
  EXPECT_EQ(ask("scott", "lion"), "refused");
  EXPECT_TRUE(*policy::testing::run(verifier->scram_keys("scott", "salt of sixteen.")));
  holds(hash_of("tiger"));
  EXPECT_EQ(ask("scott", "tiger"), "accepted scott");
  EXPECT_EQ(ask("scott", hash_of("tiger")), "refused");
  world.answer = script::HttpAnswer{404, ""};
  EXPECT_EQ(ask("scott", "tiger"), "unknown");
  world.answer = script::HttpAnswer{503, ""};
  EXPECT_EQ(ask("scott", "tiger"), "unavailable");
  EXPECT_EQ(answer.detail.find("hvs.t"), std::string::npos);
  world.asked.clear();
  for (const char* user : {"..", ".", "../admin", "a/b"})
    EXPECT_EQ(ask(user, "tiger"), "unknown") << user;
  EXPECT_TRUE(world.asked.empty());
}

TEST_F(AuthSourceTest, an_introspected_token_says_whose_it_is) {
  open({.kind = SourceKind::introspection,
        .address = "https://login.example.net/introspect",
        .client_id = "mail gateway",
        .client_secret = home.write("secret", "s3cret\n"),
        .scope = "mail.send"});
  EXPECT_TRUE(verifier->serves("OAUTHBEARER"));
  EXPECT_FALSE(verifier->serves("PLAIN"));
  const std::pair<std::string, std::string> cases[] = {
      {R"({"active":true,"username":"scott","scope":"openid mail.send"})", "accepted scott"},
      {R"({"active":true,"username":"scott","scope":"openid mail.sender"})", "refused"},
      {R"({"active":true,"username":"scott","scope":"mail.send","exp":1})", "refused"},
      {R"({"active":true,"username":"scott","scope":"mail.send","exp":"x"})", "refused"},
      {R"({"active":true,"scope":"mail.send"})", "refused"},
      {R"({"active":true,"username":"a\u0000b","scope":"mail.send"})", "refused"},
      {R"({"active":false,"username":"scott"})", "unknown"},
      {R"({"username":"scott"})", "unavailable"},
      {R"({"active":"true","username":"scott"})", "unavailable"},
      {"[]", "unavailable"},
      {"no", "unavailable"},
  };
  for (const auto& [body, wanted] : cases) {
    world.answer = script::HttpAnswer{200, body};
    EXPECT_EQ(ask("", "to+ken", "OAUTHBEARER"), wanted) << body;
  }
  EXPECT_EQ(world.asked[0].method, "POST");
  EXPECT_EQ(world.asked[0].body, "token=to%2Bken&token_type_hint=access_token");
  EXPECT_EQ(world.asked[0].headers.back().second,
            "Basic " + base64_encode("mail%20gateway:s3cret"));
  world.answer = script::HttpAnswer{401, ""};
  EXPECT_EQ(ask("", "t", "OAUTHBEARER"), "unavailable");
  world.answer = fail(Fault::temporary, "no response in time");
  EXPECT_EQ(ask("", "t", "OAUTHBEARER"), "unavailable");
}

TEST_F(AuthSourceTest, an_introspected_token_is_for_now_and_for_us) {  // RFC 7519 §4.1.3, §4.1.5
  open({.kind = SourceKind::introspection,
        .address = "https://login.example.net/introspect",
        .audience = "smtp.example.com"});
  const std::pair<std::string, std::string> cases[] = {
      {R"("aud":"smtp.example.com")", "accepted scott"},
      {R"("aud":["web","smtp.example.com"],"nbf":1)", "accepted scott"},
      {R"("aud":"smtp.example.com","nbf":32503680000)", "refused"},
      {R"("aud":"smtp.example.com","nbf":"soon")", "refused"},
      {R"("aud":["web"])", "refused"},
      {R"("aud":7)", "refused"},
      {R"("sub":"s")", "refused"},
  };
  for (const auto& [members, wanted] : cases) {
    world.answer = script::HttpAnswer{200, R"({"active":true,"username":"scott",)" + members + "}"};
    EXPECT_EQ(ask("", "token", "OAUTHBEARER"), wanted) << members;
  }
}

TEST(StoredMix, a_stranger_costs_what_known_names_do) {
  StoredMix mix;
  const auto first = mix.for_stranger("anybody");
  ASSERT_TRUE(first) << "before anybody signed in too";
  const auto made = [](std::string_view text) {
    return std::make_shared<const policy::StoredPassword>(
        *policy::StoredPassword::parse(text, policy::PlainText::marked));
  };
  const auto dear = made(policy::unmatched_hash(12).reveal());
  const auto cheap = made("{PLAIN}tiger");
  for (int i = 0; i < 200; ++i) mix.note("user" + std::to_string(i), i % 2 == 0 ? dear : cheap);
  int seen = 0;
  for (int i = 0; i < 400; ++i) {
    const std::string name = "stranger" + std::to_string(i);
    const auto one = mix.for_stranger(name);
    EXPECT_EQ(one, mix.for_stranger(name));
    EXPECT_TRUE(one == dear || one == cheap);
    seen += one == dear ? 1 : 0;
  }
  EXPECT_GT(seen, 40);
  EXPECT_LT(seen, 360);
}

/// A Dovecot that sends the test's answer.
class ScriptedDovecot {
 public:
  ScriptedDovecot(const std::string& path, std::string answer) : answer_(std::move(answer)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    listener_ = ::socket(AF_UNIX, SOCK_STREAM, 0);
    ::unlink(path.c_str());
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ::listen(listener_, 8);
    thread_ = std::thread([this] { serve(); });
  }
  ~ScriptedDovecot() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  std::string heard;

 private:
  void serve() {
    const int fd = ::accept(listener_, nullptr, nullptr);
    if (fd < 0) return;
    const std::string greeting =
        "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t7\nCUID\t1\nCOOKIE\tab\nDONE\n";
    ::send(fd, greeting.data(), greeting.size(), MSG_NOSIGNAL);
    char chunk[4096];
    while (std::count(heard.begin(), heard.end(), '\n') < 3) {
      const ssize_t got = ::recv(fd, chunk, sizeof chunk, 0);
      if (got <= 0) break;
      heard.append(chunk, static_cast<std::size_t>(got));
    }
    ::send(fd, answer_.data(), answer_.size(), MSG_NOSIGNAL);
    ::close(fd);
  }
  std::string answer_;
  int listener_;
  std::thread thread_;
};

// RFC 7628 §3.1, RFC 5801 §4.
TEST_F(AuthSourceTest, dovecot_gets_the_authorisation_identity_escaped) {
  const std::string socket = home.file("auth");
  open({.kind = SourceKind::dovecot,
        .timeout = tests::patience,
        .file = socket,
        .oauthbearer = true});
  ScriptedDovecot dovecot(socket, "OK\t1\tuser=scott\n");
  authz_id = "a=b,c";
  EXPECT_EQ(ask(authz_id, "token", "OAUTHBEARER"), "accepted scott");
  EXPECT_NE(dovecot.heard.find("\tresp=" + base64_encode("n,a=a=3Db=2Cc,\1auth=Bearer token\1\1")),
            std::string::npos);
}

TEST_F(AuthSourceTest, dovecot_is_asked_in_its_protocol) {
  const std::pair<std::string, std::string> cases[] = {
      {"OK\t1\tuser=Scott@example.com\n", "accepted Scott@example.com"},
      {"OK\t1\tuser=scott\tnologin\n", "refused"},
      {"OK\t1\n", "unavailable"},
      {"OK\t2\tuser=other\n", "unavailable"},
      {"FAIL\t1\tuser=scott\n", "unknown"},
      {"FAIL\t1\tuser=scott\ttemp\n", "unavailable"},
      {"FAIL\t1\tuser=scott\tcode=temp_fail\n", "unavailable"},
      {"NONSENSE\t1\n", "unavailable"},
      {"", "unavailable"},
  };
  const std::string socket = home.file("auth");
  open({.kind = SourceKind::dovecot, .timeout = tests::patience, .file = socket});
  for (const auto& [line, wanted] : cases) {
    ScriptedDovecot dovecot(socket, line);
    EXPECT_EQ(ask("scott", "tiger"), wanted) << line;
    EXPECT_NE(dovecot.heard.find("AUTH\t1\tPLAIN\tservice=smtp\t"), std::string::npos);
    EXPECT_NE(
        dovecot.heard.find("\tresp=" + base64_encode(std::string("\0scott\0tiger", 12)) + "\n"),
        std::string::npos);
  }
  std::filesystem::remove(socket);
  EXPECT_EQ(ask("scott", "tiger"), "unavailable");
}

TEST(DovecotReply, is_taken_apart) {
  const DovecotReply reply = parse_dovecot_reply(
      "OK\t1\tuser=a\1tb\1"
      "1\tnologin\tx=\1");
  EXPECT_EQ(reply.command, "OK");
  EXPECT_EQ(reply.id, "1");
  EXPECT_EQ(reply.value("user"), "a\tb\1");
  EXPECT_TRUE(reply.has("nologin"));
  EXPECT_FALSE(reply.value("nologin"));
  EXPECT_EQ(parse_dovecot_reply("").command, "");
}

}  // namespace
}  // namespace postern::gateway
