#include "net/table_client.h"


#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio.hpp>

#include "base/patience_test.h"
#include "net/connection_shelf.h"
#include "net/ldap_client.h"
#include "net/mysql_client.h"
#include "net/pgsql_client.h"

namespace postern::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

/// Accepts one connection, records its input up to `until`, and sends `pieces` one by one.
Task<void> serve(tcp::acceptor& acceptor, char until, std::vector<std::string> pieces,
                 std::string& got, bool stay) {
  tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
  co_await asio::async_read_until(socket, asio::dynamic_buffer(got), until, asio::use_awaitable);
  for (const std::string& piece : pieces) {
    co_await asio::async_write(socket, asio::buffer(piece), asio::use_awaitable);
    asio::steady_timer pause(socket.get_executor(), 5ms);
    co_await pause.async_wait(asio::use_awaitable);
  }
  if (!stay) co_return;
  char more = 0;
  co_await socket.async_read_some(asio::buffer(&more, 1), asio::as_tuple(asio::use_awaitable));
}

struct Asked {
  TableReply reply = fail(Fault::bug, "not asked");
  std::string got;
};

enum class Protocol { tcp, socketmap };

Asked ask(Protocol protocol, std::vector<std::string> pieces, bool stay = true,
          std::chrono::milliseconds limit = tests::patience) {
  asio::io_context loop;
  tcp::acceptor acceptor(loop, tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0));
  const std::string service = "inet:127.0.0.1:" + std::to_string(acceptor.local_endpoint().port());
  Asked asked;
  asio::co_spawn(
      loop,
      serve(acceptor, protocol == Protocol::tcp ? '\n' : ',', std::move(pieces), asked.got, stay),
      asio::detached);
  asio::co_spawn(loop,
                 protocol == Protocol::tcp ? ask_tcp_table(service, "a key", limit)
                                           : ask_socketmap(service, "map", "a key", limit),
                 [&](std::exception_ptr, TableReply reply) {
                   asked.reply = std::move(reply);
                   loop.stop();
                 });
  loop.run();
  return asked;
}

TEST(TableClient, asks_and_understands) {
  const Asked line = ask(Protocol::tcp, {"20", "0 REJECT%20no", "\nmore"});
  EXPECT_EQ(line.got, "get a%20key\n");
  ASSERT_TRUE(line.reply) << line.reply.error().message;
  EXPECT_EQ(line.reply->value_or("absent"), "REJECT no");
  const Asked framed = ask(Protocol::socketmap, {"9", ":NOTFOUND", " ,"});
  EXPECT_EQ(framed.got, "9:map a key,");
  ASSERT_TRUE(framed.reply) << framed.reply.error().message;
  EXPECT_FALSE(*framed.reply);
}

TEST(TableClient, servers_by_name) {
  asio::io_context loop;
  tcp::acceptor acceptor(loop, tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0));
  const std::string port = std::to_string(acceptor.local_endpoint().port());
  std::string got;
  // Names are compared without case, but "LOCALHOST" is not the word that stands for 127.0.0.1.
  TableReply found = fail(Fault::bug, "not asked");
  TableReply unknown = fail(Fault::bug, "not asked");
  asio::co_spawn(loop, serve(acceptor, '\n', {"200 yes\n"}, got, false), asio::detached);
  asio::co_spawn(loop, ask_tcp_table("inet:LOCALHOST:" + port, "key", tests::patience),
                 [&](std::exception_ptr, TableReply reply) { found = std::move(reply); });
  asio::co_spawn(loop, ask_tcp_table("inet:no-such-host.invalid:" + port, "key", tests::patience),
                 [&](std::exception_ptr, TableReply reply) { unknown = std::move(reply); });
  loop.run();
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->value_or("absent"), "yes");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().fault, Fault::not_found);
}

TEST(TableClient, servers_that_do_not_answer) {
  const struct {
    std::vector<std::string> pieces;
    bool stay;
    Fault fault;
    const char* says;
  } cases[] = {
      {{}, true, Fault::temporary, "no answer in time"},
      {{"200 half"}, true, Fault::temporary, "no answer in time"},
      {{"200 half"}, false, Fault::temporary, "End of file"},
      {{std::string(5000, 'x')}, true, Fault::malformed, "longer than 4096"},
      {{"okay\n"}, true, Fault::malformed, "not understood"},
      {{"400 busy\n"}, true, Fault::temporary, "the server says: busy"},
  };
  for (const auto& one : cases) {
    const bool late = one.says == std::string_view("no answer in time");
    const Asked asked = ask(Protocol::tcp, one.pieces, one.stay,
                            late ? 200ms : std::chrono::milliseconds(tests::patience));
    ASSERT_FALSE(asked.reply) << one.says;
    EXPECT_EQ(asked.reply.error().fault, one.fault) << one.says;
    EXPECT_THAT(asked.reply.error().message, HasSubstr(one.says));
  }
  EXPECT_THAT(ask(Protocol::socketmap, {std::string("200000:") + std::string(100'100, 'x')})
                  .reply.error()
                  .message,
              HasSubstr("longer than"));
}

/// Accepts a connection for each of `replies`, and sends that. Empty: it closes without a word;
/// "-": it waits.
Task<void> serve_each(tcp::acceptor& acceptor, std::vector<std::string> replies,
                      std::vector<std::string>& got) {
  std::vector<tcp::socket> open;
  for (const std::string& reply : replies) {
    open.push_back(co_await acceptor.async_accept(asio::use_awaitable));
    std::string request;
    co_await asio::async_read_until(open.back(), asio::dynamic_buffer(request), '\n',
                                    asio::use_awaitable);
    got.push_back(request);
    if (reply.empty()) open.back().close();
    if (reply.empty() || reply == "-") continue;
    co_await asio::async_write(open.back(), asio::buffer(reply), asio::use_awaitable);
  }
  asio::steady_timer end(acceptor.get_executor(), 1h);
  co_await end.async_wait(asio::use_awaitable);
}

struct Cached {
  TableReply reply = fail(Fault::bug, "not asked");
  std::vector<std::string> got;
  std::chrono::milliseconds took{};
};

/// `timeout` is that of a try.
Cached ask_cache(std::vector<std::string> replies, bool listens = true,
                 std::chrono::milliseconds limit = tests::patience,
                 std::chrono::milliseconds timeout = tests::patience, unsigned tries = 3) {
  asio::io_context loop;
  tcp::acceptor acceptor(loop, tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0));
  MemcacheServer server{
      .service = "inet:127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()),
      .limits = {.line = 100, .value = 10},
      .tries = tries,
      .pause = 20ms,
      .timeout = timeout};
  Cached cached;
  if (!listens) acceptor.close();
  if (listens) {
    asio::co_spawn(loop, serve_each(acceptor, std::move(replies), cached.got), asio::detached);
  }
  const auto begun = std::chrono::steady_clock::now();
  asio::co_spawn(loop, ask_memcache(std::move(server), "key", limit),
                 [&](std::exception_ptr, TableReply reply) {
                   cached.reply = std::move(reply);
                   loop.stop();
                 });
  loop.run();
  cached.took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - begun);
  return cached;
}

TEST(TableClient, memcached_is_asked_again_if_it_does_not_answer) {
  const std::string yes = "VALUE key 0 3\r\nyes\r\nEND\r\n";
  for (const std::string bad : {"", "SERVER_ERROR busy\r\n", "HTTP/1.1 400 x\r\n"}) {
    const Cached cached = ask_cache({bad, yes});
    ASSERT_TRUE(cached.reply) << bad << cached.reply.error().message;
    EXPECT_EQ(cached.reply->value_or("absent"), "yes") << bad;
    EXPECT_EQ(cached.got, std::vector<std::string>(2, "get key\r\n")) << bad;
  }
  EXPECT_FALSE(ask_cache({"END\r\n"}).reply.value());
  // An answer may be late: there are more tries than are needed.
  std::vector<std::string> mute(100, yes);
  mute.front() = "-";
  const Cached cached = ask_cache(mute, true, tests::patience, 100ms, 100);
  ASSERT_TRUE(cached.reply) << cached.reply.error().message;
  EXPECT_EQ(cached.reply->value_or("absent"), "yes");
  EXPECT_GE(cached.got.size(), 2u);
}

TEST(TableClient, memcached_that_never_answers) {
  const Cached busy = ask_cache(std::vector<std::string>(4, "SERVER_ERROR busy\r\n"));
  ASSERT_FALSE(busy.reply);
  EXPECT_EQ(busy.got.size(), 3u);
  EXPECT_THAT(busy.reply.error().message, HasSubstr("the server says: SERVER_ERROR busy"));
  EXPECT_THAT(busy.reply.error().message, testing::StartsWith("inet:127.0.0.1:"));
  // No try begins after the limit.
  const Cached mute = ask_cache(std::vector<std::string>(4, "-"), true, 600ms, 400ms);
  ASSERT_FALSE(mute.reply);
  EXPECT_THAT(mute.reply.error().message, HasSubstr("no answer in time"));
  EXPECT_LE(mute.got.size(), 2u);
  EXPECT_GE(mute.took, 400ms);
  const Cached none = ask_cache({}, false);
  ASSERT_FALSE(none.reply);
  EXPECT_EQ(none.reply.error().fault, Fault::not_found) << "it is asked once";
  EXPECT_THAT(none.reply.error().message, HasSubstr("Connection refused"));
  // What a server announces or sends beyond the limits is not read.
  const Cached more = ask_cache(std::vector<std::string>(3, "VALUE key 0 1500000000\r\n"));
  EXPECT_THAT(more.reply.error().message, HasSubstr("1500000000 octets"));
  const Cached line = ask_cache(std::vector<std::string>(3, std::string(100'000, 'x')));
  EXPECT_THAT(line.reply.error().message, HasSubstr("longer than"));
}

TEST(ConnectionShelf, tries_again_once_where_a_connection_has_died) {
  ConnectionShelf<int> shelf;
  int made = 0;
  const auto connect = [&]() -> Result<std::unique_ptr<int>> {
    return std::make_unique<int>(++made);
  };
  const auto works = [](int& number) { return Used<int>{number}; };
  EXPECT_EQ(shelf.with(connect, works).value(), 1);
  EXPECT_EQ(shelf.with(connect, works).value(), 1);
  const auto dead_once = [](int& number) {
    if (number == 1) return Used<int>{fail(Fault::temporary, "gone"), true};
    return Used<int>{number};
  };
  EXPECT_EQ(shelf.with(connect, dead_once).value(), 2);
  const auto dead = [](int&) { return Used<int>{fail(Fault::temporary, "gone"), true}; };
  EXPECT_FALSE(shelf.with(connect, dead));
  EXPECT_EQ(made, 3);
  EXPECT_EQ(shelf.with(connect, works).value(), 4);
}

TEST(DatabaseClients, a_server_that_hangs_leaves_the_next_its_time) {
  std::vector<std::string> tried;
  const auto begun = std::chrono::steady_clock::now();
  const auto connect = [&](const std::string& server, auto until) -> Result<std::unique_ptr<int>> {
    tried.push_back(server + (until - begun < 8min ? " soon" : " later"));
    if (server == "c") return std::make_unique<int>(3);
    return fail(Fault::temporary, server + " hangs");
  };
  const std::vector<std::string> servers = {"a", "b", "c", "d"};
  EXPECT_EQ(**first_that_connects<int>(servers, begun + 12min, connect), 3);
  EXPECT_THAT(tried, testing::ElementsAre("a soon", "b soon", "c soon"));
  EXPECT_FALSE(first_that_connects<int>({"b"}, begun + 12min, connect));
  EXPECT_EQ(tried.back(), "b later");
  EXPECT_EQ(first_that_connects<int>({"a", "b"}, begun + 12min, connect).error().message,
            "a hangs; b hangs");
  EXPECT_FALSE(first_that_connects<int>({}, begun + 12min, connect));
}

/// A server that accepts connections but never sends.
TEST(DatabaseClients, silence_ends_with_the_deadline) {
  asio::io_context loop;
  tcp::acceptor silent(loop, tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0));
  const std::string port = std::to_string(silent.local_endpoint().port());
  PgsqlClient pgsql({.hosts = {"127.0.0.1:" + port}, .user = "u", .password = {}, .dbname = "d"});
  const auto one = [](const PgsqlClient::Quote&) { return "SELECT 1"; };
  const auto rows = pgsql.select(one, std::chrono::steady_clock::now() + 200ms);
  ASSERT_FALSE(rows);
  EXPECT_THAT(rows.error().message, HasSubstr("no connection in time"));
  for (const bool tls : {false, true}) {
    MysqlClient mysql({.hosts = {"127.0.0.1:" + port},
                       .user = "u",
                       .password = {},
                       .dbname = "d",
                       .tls = {.required = tls}});
    const auto none = mysql.select(one, std::chrono::steady_clock::now() + 200ms);
    ASSERT_FALSE(none);
    EXPECT_THAT(none.error().message, HasSubstr("no connection in time"));
  }
  LdapClient ldap({.uris = {"ldap://127.0.0.1:" + port},
                   .bind_dn = "cn=x",
                   .bind_password = Secret("p"),
                   .ca_file = {}});
  const LdapSearch search{.base = "o=x", .filter = "(a=b)", .attributes = {"a"}, .size_limit = 0};
  EXPECT_FALSE(ldap.search(search, std::chrono::steady_clock::now() + 200ms));
  LdapClient tls({.uris = {"ldaps://127.0.0.1:" + port},
                  .bind = false,
                  .bind_dn = {},
                  .bind_password = {},
                  .ca_file = {}});
  EXPECT_FALSE(tls.search(search, std::chrono::steady_clock::now() + 200ms));
}

TEST(DatabaseClients, say_what_is_wrong_without_secrets) {
  const auto soon = std::chrono::steady_clock::now() + tests::patience;
  // The discard port on the loopback network has no listener.
  PgsqlClient pgsql({.hosts = {"127.0.0.77:9", "unix:/nonexistent"},
                     .user = "u",
                     .password = Secret("hunter2"),
                     .dbname = "d"});
  const auto rows = pgsql.select([](const PgsqlClient::Quote&) { return "SELECT 1"; }, soon);
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().fault, Fault::temporary);
  EXPECT_THAT(rows.error().message, HasSubstr("/nonexistent"));
  EXPECT_THAT(rows.error().message, Not(HasSubstr("hunter2")));
  MysqlClient mysql({.hosts = {"127.0.0.77:9", "unix:/nonexistent"},
                     .user = "u",
                     .password = Secret("hunter2"),
                     .dbname = "d"});
  const auto none = mysql.select([](const SqlClient::Quote&) { return "SELECT 1"; }, soon);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().fault, Fault::temporary);
  EXPECT_THAT(none.error().message, HasSubstr("/nonexistent"));
  EXPECT_THAT(none.error().message, Not(HasSubstr("hunter2")));
  LdapClient ldap({.uris = {"ldap://127.0.0.77:9"},
                   .bind_dn = "cn=x",
                   .bind_password = Secret("hunter2"),
                   .ca_file = {}});
  const auto values =
      ldap.search({.base = "o=x", .filter = "(a=b)", .attributes = {"a"}, .size_limit = 0}, soon);
  ASSERT_FALSE(values);
  EXPECT_EQ(values.error().fault, Fault::temporary);
  EXPECT_THAT(values.error().message, HasSubstr("ldap://127.0.0.77:9: Can't contact LDAP server"));
  EXPECT_THAT(values.error().message, Not(HasSubstr("hunter2")));
}

}  // namespace
}  // namespace postern::net
