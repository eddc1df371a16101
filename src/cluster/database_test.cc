#include "cluster/database.h"

#include <array>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include "base/patience_test.h"
#include "base/temporary_folder_test.h"
#include "cluster/advice.h"
#include "cluster/pgsql_server_test.h"

namespace postern::cluster {
namespace {

using namespace std::chrono_literals;

std::string complaint(DatabaseOptions options) {
  const auto made = Database::make(std::move(options));
  return made ? "" : made.error().message;
}

TEST(Database, a_password_or_weak_tls_is_refused_before_anything_is_asked) {
  EXPECT_EQ(complaint({.postgres = "host=127.0.0.1 dbname=postern"}), "");
  EXPECT_EQ(complaint({.postgres = "host=pg1.example.org,pg2.example.org dbname=postern"}), "");
  EXPECT_EQ(complaint({.postgres = "host=/run/postgresql sslmode=disable"}), "");
  const std::string with_password =
      complaint({.postgres = "postgresql://postern:abc123@pg1.example.org/postern"});
  EXPECT_NE(with_password.find("password_file"), std::string::npos) << with_password;
  EXPECT_EQ(with_password.find("abc123"), std::string::npos);
  const std::string unreadable = complaint({.postgres = "host=x password"});
  EXPECT_FALSE(unreadable.empty());
  EXPECT_NE(complaint({.postgres = "service=elsewhere sslmode=disable"}), "");
  EXPECT_NE(complaint({.postgres = "host=pg1.example.org sslpassword=abc123"}), "");
  for (const std::string weak : {"disable", "prefer", "require", "verify-ca"}) {
    EXPECT_NE(complaint({.postgres = "host=pg1.example.org,127.0.0.1 sslmode=" + weak}), "")
        << weak;
  }
  EXPECT_EQ(complaint({.postgres = "host=pg1.example.org sslmode=verify-full"}), "");
}

/// What connect() says of a server that speaks TLS, and closes when it is spoken to.
std::string trouble_of(const std::string& more) {
  boost::asio::io_context loop;
  boost::asio::ip::tcp::acceptor host(loop, {boost::asio::ip::address_v4::loopback(), 0});
  const auto port = std::to_string(host.local_endpoint().port());
  const auto database =
      *Database::make({.postgres = "host=127.0.0.1 user=x sslmode=require port=" + port + more});
  std::jthread server([&] {
    auto one = host.accept();
    std::array<char, 8> request{};  // SSLRequest
    boost::asio::read(one, boost::asio::buffer(request));
    boost::asio::write(one, boost::asio::buffer("S", 1));
  });
  const auto session = database->connect();
  return session ? "connected" : session.error().message;
}

TEST(Database, what_is_below_the_home_directory_does_not_count) {
  const tests::TemporaryFolder home;
  const char* before = std::getenv("HOME");
  const std::string kept = before != nullptr ? before : "/";
  std::filesystem::create_directory(home.path() + "/.postgresql");
  for (const char* name : {"postgresql.crt", "postgresql.key", "root.crt", "root.crl"}) {
    std::ofstream(home.path() + "/.postgresql/" + name) << "no certificate";
  }
  ::setenv("HOME", home.path().c_str(), 1);
  const std::string trouble = trouble_of("");
  const std::string named = trouble_of(" sslcert=" + home.path() + "/.postgresql/postgresql.crt");
  ::setenv("HOME", kept.c_str(), 1);
  EXPECT_EQ(trouble.find(home.path()), std::string::npos) << trouble;
  EXPECT_NE(trouble.find("SSL"), std::string::npos) << "the handshake began: " << trouble;
  EXPECT_NE(named.find("postgresql.crt"), std::string::npos) << named;
}

TEST(Database, the_environment_does_not_lead_elsewhere) {
  ::setenv("PGHOST", "elsewhere.example", 1);
  ::setenv("PGSSLMODE", "disable", 1);
  ::setenv("PGPASSFILE", "/nonexistent", 1);
  forget_environment();
  EXPECT_EQ(std::getenv("PGHOST"), nullptr);
  EXPECT_EQ(std::getenv("PGSSLMODE"), nullptr);
  EXPECT_STREQ(std::getenv("PGPASSFILE"), "/nonexistent") << "the owner's password";
  ::unsetenv("PGPASSFILE");
}

TEST(Database, a_primary_that_gives_up_durability_is_not_trusted) {
  const std::string place = tests::PgsqlServer::one().database();
  const auto trusting = *Database::make({.postgres = place, .allow_one_copy = true});
  auto session = trusting->connect();
  ASSERT_TRUE(session) << session.error().message;
  EXPECT_FALSE(trusting->epoch().system.empty());
  EXPECT_EQ(trusting->epoch().timeline, 1);

  const auto strict = *Database::make({.postgres = place});
  const auto alone = strict->connect();
  ASSERT_FALSE(alone);
  EXPECT_EQ(alone.error().fault, Fault::denied);
  EXPECT_NE(alone.error().message.find("synchronous_standby_names"), std::string::npos);

  const auto set = [&](const std::string& how) {
    const auto done = (*session)->run(
        {.sql = "ALTER ROLE postgres IN DATABASE " + place.substr(place.find("dbname=") + 7) + how,
         .values = {}},
        Clock::now() + tests::patience);
    ASSERT_TRUE(done) << done.error().message;
  };
  for (const std::string weaker : {"off", "local", "remote_write", "remote_apply"}) {
    set(" SET synchronous_commit = " + weaker);
    const auto weak = trusting->connect();
    ASSERT_FALSE(weak) << weaker;
    EXPECT_EQ(weak.error().fault, Fault::denied);
  }
  set(" RESET synchronous_commit");
  EXPECT_TRUE(trusting->connect());
}

TEST(Database, statements_are_not_compiled) {
  const auto database =
      *Database::make({.postgres = tests::PgsqlServer::one().database() + " options='-c jit=on'",
                       .allow_one_copy = true});
  const auto session = database->connect();
  ASSERT_TRUE(session) << session.error().message;
  const auto said =
      (*session)->run({.sql = "SHOW jit", .values = {}}, Clock::now() + tests::patience);
  ASSERT_TRUE(said) << said.error().message;
  EXPECT_EQ(said->text(0, 0), "off");
}

// Patroni that is killed leaves an old primary, which answers and lacks what was committed since.
TEST(Database, a_session_ends_when_a_newer_primary_is_seen) {
  const auto database =
      *Database::make({.postgres = tests::PgsqlServer::one().database(), .allow_one_copy = true});
  const auto session = database->connect();
  ASSERT_TRUE(session) << session.error().message;
  ASSERT_TRUE((*database->connect())->usable());
  EXPECT_TRUE((*session)->usable()) << "the same primary";
  Epoch promoted = database->epoch();
  promoted.timeline += 1;
  database->expect(promoted);
  EXPECT_FALSE((*session)->usable());
}

// A gateway has some twenty sessions, and each of its threads wants its own back.
TEST(Database, one_thread_at_a_time_asks_for_hosts_that_are_away) {
  boost::asio::io_context loop;
  boost::asio::ip::tcp::acceptor hosts(loop, {boost::asio::ip::address_v4::loopback(), 0});
  hosts.non_blocking(true);
  const auto database = *Database::make(
      {.postgres = "host=127.0.0.1 port=" + std::to_string(hosts.local_endpoint().port())});
  std::atomic<bool> over = false;
  std::atomic<int> refused = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&] {
      while (!over) {
        if (!database->connect()) ++refused;
        std::this_thread::sleep_for(10ms);
      }
    });
  }
  int tries = 0;
  const auto begun = Clock::now();
  while (Clock::now() - begun < 2s || refused <= 16) {
    boost::system::error_code none;
    if (boost::asio::ip::tcp::socket one = hosts.accept(none); !none) ++tries;
    std::this_thread::sleep_for(1ms);
  }
  over = true;
  hosts.close();
  threads.clear();
  EXPECT_LT(tries, 16 + 2 * 10 * ((Clock::now() - begun) / 1s) + 5)
      << "the first of each thread, then ten a second, of two kinds";
  EXPECT_GE(tries, 2);
}

// A host that is cut off: its connections neither end nor begin.
TEST(Database, a_host_that_says_nothing_does_not_hold_up_the_others) {
  boost::asio::io_context loop;
  boost::asio::ip::tcp::acceptor silent(loop, {boost::asio::ip::address_v4::loopback(), 0});
  std::string place = tests::PgsqlServer::one().database();
  place.insert(place.find(" user="), ",127.0.0.1");
  place += " port=5432," + std::to_string(silent.local_endpoint().port());
  EXPECT_TRUE(tests::eventually([&] {  // a busy machine may take longer now and then
    const auto database = *Database::make({.postgres = place, .allow_one_copy = true});
    const auto begun = Clock::now();
    return database->connect() && Clock::now() - begun < 3s;
  }));
}

TEST(Database, what_is_away_is_found_when_it_is_back) {
  const std::string place = tests::PgsqlServer::one().database();
  const auto database = *Database::make({.postgres = place, .allow_one_copy = true});
  ASSERT_TRUE(database->connect());
  const auto wrong = *Database::make({.postgres = place + "_gone", .allow_one_copy = true});
  EXPECT_FALSE(wrong->connect());
  const auto session = database->connect();
  ASSERT_TRUE(session);
  const std::string name = place.substr(place.find("dbname=") + 7) + "_gone";
  ASSERT_TRUE((*session)->run({.sql = "CREATE DATABASE " + name, .values = {}},
                              Clock::now() + tests::patience));
  std::this_thread::sleep_for(150ms);
  std::vector<std::jthread> threads;
  std::atomic<int> found = 0;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] { found += wrong->connect() ? 1 : 0; });
  }
  threads.clear();
  EXPECT_EQ(found, 8);
  ASSERT_TRUE((*session)->run({.sql = "DROP DATABASE " + name + " WITH (FORCE)", .values = {}},
                              Clock::now() + tests::patience));
}

TEST(Database, of_several_hosts_the_one_that_answers_is_taken) {
  const std::string place = tests::PgsqlServer::one().database();
  const std::string socket = place.substr(5, place.find(' ') - 5);
  const auto database =
      *Database::make({.postgres = "host=/nowhere," + socket + ",127.0.0.1 port=5432,5432,1 " +
                                   place.substr(place.find(' ')),
                       .allow_one_copy = true});
  const auto session = database->connect();
  ASSERT_TRUE(session) << session.error().message;
  const auto none =
      (*Database::make({.postgres = "host=127.0.0.1 port=1", .allow_one_copy = true}))->connect();
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().fault, Fault::unreachable);
}

TEST(Database, what_people_must_mend_is_told_from_what_passes) {
  const std::string place = tests::PgsqlServer::one().database();
  const std::string host = place.substr(0, place.find(' '));
  const auto error_of = [](const std::string& postgres) {
    const auto session = (*Database::make({.postgres = postgres}))->connect();
    return session ? Error{} : session.error();
  };
  const Error no_database = error_of(host + " user=postgres dbname=nowhere");
  EXPECT_EQ(no_database.fault, Fault::unreachable);
  EXPECT_NE(no_database.message.find("does not exist (SQLSTATE 3D000)"), std::string::npos)
      << no_database.message;
  EXPECT_EQ(no_database.message.find("LOCATION"), std::string::npos) << no_database.message;
  EXPECT_TRUE(lasts(no_database));
  EXPECT_NE(advice_on(no_database).find("name of the database"), std::string::npos);
  const Error no_role = error_of(host + " user=nobody_here dbname=postgres");
  EXPECT_NE(no_role.message.find("(SQLSTATE 28000)"), std::string::npos) << no_role.message;
  EXPECT_FALSE(lasts(no_role)) << "a directory that is asked for passwords may be away";
  EXPECT_NE(advice_on(no_role).find("pg_hba.conf"), std::string::npos);
  const Error away = error_of("host=/nowhere dbname=postgres");
  EXPECT_FALSE(lasts(away));

  const auto session = (*Database::make({.postgres = place, .allow_one_copy = true}))->connect();
  ASSERT_TRUE(session);
  const auto run = [&](const std::string& sql) {
    const auto done = (*session)->run({.sql = sql, .values = {}}, Clock::now() + tests::patience);
    return done ? "" : done.error().message;
  };
  for (const char* sql : {"CREATE TABLE mine (a int)", "CREATE ROLE other", "SET ROLE other"}) {
    EXPECT_EQ(run(sql), "");
  }
  const Error no_right{Fault::unreachable, run("SELECT * FROM mine")};
  EXPECT_TRUE(lasts(no_right)) << no_right.message;
  EXPECT_NE(advice_on(no_right).find("--gateway ROLE"), std::string::npos);
}

TEST(Database, a_server_that_starts_or_another_host_may_mend_it) {
  const std::string wrong = "PostgreSQL: pg1:5432: FATAL:  no (SQLSTATE 28P01)";
  EXPECT_TRUE(lasts({Fault::unreachable, wrong}));
  EXPECT_TRUE(lasts({Fault::unreachable, wrong + "; pg2:5432: Connection refused"}));
  EXPECT_FALSE(lasts({Fault::unreachable, wrong + "; pg2:5432: is a standby"}));
  EXPECT_FALSE(lasts({Fault::unreachable, wrong + "; pg2:5432: FATAL:  (SQLSTATE 57P03)"}));
  const Error both{Fault::unreachable, "PostgreSQL: a:1: Connection refused; b:1: is a standby"};
  EXPECT_NE(advice_on(both).find("promote the standby"), std::string::npos);
}

TEST(Database, each_host_is_named_with_what_is_wrong_there) {
  const auto none = (*Database::make({.postgres = "host=127.0.0.1,/nowhere,::1 port=1,2,3",
                                      .allow_one_copy = true}))
                        ->connect();
  ASSERT_FALSE(none);
  const std::string& said = none.error().message;
  EXPECT_TRUE(said.starts_with("PostgreSQL: 127.0.0.1:1: Connection refused")) << said;
  EXPECT_NE(said.find("; /nowhere:2: "), std::string::npos) << said;
  EXPECT_NE(said.find("; [::1]:3: "), std::string::npos) << said;
  EXPECT_EQ(said.find("\\x"), std::string::npos) << said;

  // The one that is up is no help when the other is meant.
  const std::string place = tests::PgsqlServer::one().database();
  const std::string socket = place.substr(5, place.find(' ') - 5);
  const auto alone = (*Database::make({.postgres = "host=" + socket + ",127.0.0.1 port=5432,1" +
                                                   place.substr(place.find(' '))}))
                         ->connect();
  ASSERT_FALSE(alone);
  EXPECT_EQ(alone.error().fault, Fault::denied);
  EXPECT_NE(alone.error().message.find(socket + ":5432: synchronous_standby_names is empty"),
            std::string::npos)
      << alone.error().message;
  EXPECT_NE(alone.error().message.find("127.0.0.1:1: "), std::string::npos);
}

}  // namespace
}  // namespace postern::cluster
