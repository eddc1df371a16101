// The client beside a server that says what the test wants. tests/system/tables.py has a real
// MariaDB; it has no caching_sha2_password, and asks for nothing that it should not get.
#include "net/mysql_client.h"

#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include "base/patience_test.h"

namespace postern::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::string text_of(std::string_view text) {
  return static_cast<char>(text.size()) + std::string(text);
}

/// The packets of an answer with rows; "NULL" is none.
std::vector<std::string> rows(const std::vector<std::string>& columns,
                              const std::vector<std::vector<std::string>>& all) {
  const std::string end("\xfe\0\0\2\0", 5);
  const std::size_t count = columns.size();
  std::vector<std::string> packets{
      count < 251 ? std::string(1, static_cast<char>(count))
                  : std::string{'\xfc', static_cast<char>(count), static_cast<char>(count >> 8)}};
  for (const std::string& name : columns) {
    packets.push_back(text_of("def") + text_of("") + text_of("") + text_of("") + text_of(name) +
                      text_of("") + std::string("\x0c\x2d\0\xff\0\0\0\xfd\0\0\0\0\0", 13));
  }
  packets.push_back(end);
  for (const auto& row : all) {
    std::string packet;
    for (const std::string& field : row) packet += field == "NULL" ? "\xfb" : text_of(field);
    packets.push_back(packet);
  }
  packets.push_back(end);
  return packets;
}

std::vector<std::string> error(std::uint16_t code, const std::string& text) {
  return {std::string{'\xff', static_cast<char>(code & 0xff), static_cast<char>(code >> 8)} +
          "#HY000" + text};
}

struct Manner {
  std::string way = "mysql_native_password";  ///< to log in
  bool asks_later = false;                    ///< names another way first
  /// Packets by statement, instead of success; no packets: it says nothing.
  std::map<std::string, std::vector<std::string>> answers;
};

/// A server without TLS that lets everybody in, on one connection after the other.
class Server {
 public:
  explicit Server(Manner manner = {})
      : manner_(std::move(manner)),
        acceptor_(loop_, tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0)),
        thread_([this] { accept(); }) {}
  ~Server() {
    stopping_ = true;
    asio::io_context loop;
    tcp::socket wake(loop);
    boost::system::error_code ignored;
    wake.connect(acceptor_.local_endpoint(), ignored);
    thread_.join();
  }
  MysqlServers as_configured() const {
    return {.hosts = {"127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port())},
            .user = "mail",
            .password = Secret("hunter2"),
            .dbname = "mail"};
  }
  /// What clients sent to log in.
  std::string heard() {
    const std::lock_guard lock(mutex_);
    return heard_;
  }
  /// Statements of each connection that logged in, without the one that each begins with.
  std::vector<std::vector<std::string>> statements() {
    const std::lock_guard lock(mutex_);
    std::vector<std::vector<std::string>> own = statements_;
    for (std::vector<std::string>& each : own) {
      EXPECT_FALSE(each.empty());
      if (each.empty()) continue;
      EXPECT_EQ(each.front(), "SET NAMES utf8mb4");  // after init_connect of the server
      each.erase(each.begin());
    }
    return own;
  }
  /// Whether a client asked for the key with which it would encrypt the password.
  bool key_was_asked_for() {
    const std::lock_guard lock(mutex_);
    return key_asked_;
  }

 private:
  static constexpr const char* challenge = "abcdefghijklmnopqrst";

  void accept() {
    for (;;) {
      tcp::socket socket(loop_);
      boost::system::error_code failed;
      acceptor_.accept(socket, failed);
      if (failed || stopping_) return;
      try {
        serve(socket);
      } catch (const std::exception&) {
        // The client has left.
      }
    }
  }
  void send(tcp::socket& socket, const std::string& packet) {
    const auto size = static_cast<std::uint32_t>(packet.size());
    std::string octets{static_cast<char>(size & 0xff), static_cast<char>((size >> 8) & 0xff),
                       static_cast<char>(size >> 16), static_cast<char>(number_++)};
    asio::write(socket, asio::buffer(octets + packet));
  }
  std::string receive(tcp::socket& socket) {
    unsigned char head[4];
    asio::read(socket, asio::buffer(head));
    std::string packet(head[0] | head[1] << 8 | head[2] << 16, '\0');
    asio::read(socket, asio::buffer(packet));
    number_ = static_cast<std::uint8_t>(head[3] + 1);
    return packet;
  }
  std::string receive_login(tcp::socket& socket) {
    std::string packet = receive(socket);
    const std::lock_guard lock(mutex_);
    heard_ += packet;
    return packet;
  }
  void serve(tcp::socket& socket) {
    const std::string first = manner_.asks_later ? "mysql_native_password" : manner_.way;
    const std::string salt = challenge;
    number_ = 0;
    // Protocol 4.1 with transactions, ways to log in, several results; no TLS.
    send(socket, std::string("\x0a") + "8.0.30" + std::string("\0\7\0\0\0", 5) + salt.substr(0, 8) +
                     std::string("\0\x8d\xa2\x2d\2\0\x0f\0\x15", 9) + std::string(10, '\0') +
                     salt.substr(8) + '\0' + first + '\0');
    receive_login(socket);
    if (manner_.asks_later) {
      send(socket, "\xfe" + manner_.way + '\0' + salt + '\0');
      receive_login(socket);
    }
    if (manner_.way == "caching_sha2_password") {
      send(socket, "\1\4");  // the proof is not enough
      const std::string more = receive_login(socket);
      const std::lock_guard lock(mutex_);
      key_asked_ = key_asked_ || more == "\2";
      return;
    }
    if (manner_.way == "sha256_password") {
      // With the first packet or after it, the client asks by one octet.
      const std::lock_guard lock(mutex_);
      key_asked_ = key_asked_ || heard_.find("\1\1sha256_password") != std::string::npos ||
                   heard_.ends_with('\1');
      return;
    }
    send(socket, fine());
    std::size_t here = 0;
    {
      const std::lock_guard lock(mutex_);
      here = statements_.size();
      statements_.emplace_back();
    }
    for (;;) {
      const std::string command = receive(socket);
      if (command.front() != '\3') return;
      const std::string statement = command.substr(1);
      {
        const std::lock_guard lock(mutex_);
        statements_[here].push_back(statement);
      }
      const auto answer = manner_.answers.find(statement);
      if (answer == manner_.answers.end()) {
        send(socket, fine());
        continue;
      }
      for (const std::string& packet : answer->second) send(socket, packet);
    }
  }
  static std::string fine() { return {"\0\0\0\2\0\0\0", 7}; }

  const Manner manner_;
  std::atomic<bool> stopping_{false};
  std::uint8_t number_ = 0;  ///< of the next packet
  asio::io_context loop_;
  tcp::acceptor acceptor_;
  std::mutex mutex_;
  std::string heard_;
  bool key_asked_ = false;
  std::vector<std::vector<std::string>> statements_;
  std::thread thread_;
};

Result<MysqlClient::Table> asked(MysqlClient& client, const std::string& sql,
                                 std::chrono::milliseconds limit = tests::patience) {
  return client.query([&](const SqlClient::Quote&) { return sql; },
                      std::chrono::steady_clock::now() + limit);
}

std::string failure(MysqlClient& client, const std::string& sql,
                    std::chrono::milliseconds limit = tests::patience) {
  const auto table = asked(client, sql, limit);
  return table ? "" : table.error().message;
}

TEST(MysqlClient, gives_columns_rows_and_nulls) {
  Server server({.answers = {{"select", rows({"a", "b"}, {{"1", "NULL"}, {"", "x"}})}}});
  MysqlClient client(server.as_configured());
  const auto table = asked(client, "select").value();
  EXPECT_THAT(table.columns, ElementsAre("a", "b"));
  ASSERT_EQ(table.rows.size(), 2u);
  EXPECT_THAT(table.rows[0], ElementsAre("1", std::nullopt));
  EXPECT_THAT(table.rows[1], ElementsAre("", "x"));
  const auto fields = client.select([](const SqlClient::Quote&) { return "select"; },
                                    std::chrono::steady_clock::now() + tests::patience);
  EXPECT_THAT(fields.value(), ElementsAre("1", "", "x"));
}

TEST(MysqlClient, many_columns_of_nulls_are_not_kept) {
  const std::vector<std::string> columns(2'000, "a");
  const std::vector<std::vector<std::string>> all(900, std::vector<std::string>(2'000, "NULL"));
  Server server({.answers = {{"select", rows(columns, all)}}});
  MysqlClient client(server.as_configured());
  EXPECT_THAT(failure(client, "select"), HasSubstr("more than 16 MiB of rows"));
}

TEST(MysqlClient, escapes_keys_for_the_connection) {
  Server server;
  MysqlServers servers = server.as_configured();
  servers.require_result_set = false;
  MysqlClient client(servers);
  const auto made = [](const SqlClient::Quote& quote) { return "x '" + quote("o'n\\eil") + "'"; };
  ASSERT_TRUE(client.select(made, std::chrono::steady_clock::now() + tests::patience));
  EXPECT_THAT(server.statements(), ElementsAre(ElementsAre("x 'o\\'n\\\\eil'")));
}

TEST(MysqlClient, an_error_of_the_server_keeps_the_connection) {
  Server server({.answers = {{"bad", error(1064, "You have an error")}}});
  MysqlServers servers = server.as_configured();
  servers.require_result_set = false;
  MysqlClient client(servers);
  EXPECT_THAT(failure(client, "bad"), HasSubstr("You have an error"));
  EXPECT_EQ(failure(client, "good"), "");
  EXPECT_THAT(server.statements(), ElementsAre(ElementsAre("bad", "good")));
}

TEST(MysqlClient, a_statement_without_rows_may_be_an_error) {
  Server server;
  MysqlClient client(server.as_configured());
  EXPECT_THAT(failure(client, "do"), HasSubstr("the statement gives no rows"));
}

TEST(MysqlClient, statements_that_write_are_sent_once_each_on_a_connection_of_its_own) {
  // By 1927 a server says that it ends the connection.
  Server server({.answers = {{"ended", error(1927, "Connection was killed")}}});
  MysqlServers servers = server.as_configured();
  servers.require_result_set = false;
  servers.keep_connections = false;
  MysqlClient client(servers);
  EXPECT_EQ(failure(client, "one"), "");
  EXPECT_NE(failure(client, "ended"), "");
  EXPECT_EQ(failure(client, "two"), "");
  EXPECT_THAT(server.statements(),
              ElementsAre(ElementsAre("one"), ElementsAre("ended"), ElementsAre("two")));
}

TEST(MysqlClient, a_reader_forbids_the_server_to_write) {
  Server server;
  MysqlServers servers = server.as_configured();
  servers.require_result_set = false;
  servers.read_only = true;
  MysqlClient client(servers);
  ASSERT_EQ(failure(client, "select f()"), "");
  EXPECT_THAT(server.statements(),
              ElementsAre(ElementsAre("SET SESSION TRANSACTION READ ONLY", "select f()")));
}

TEST(MysqlClient, ends_at_its_deadline) {
  Server server({.answers = {{"silence", {}}}});
  MysqlClient client(server.as_configured());
  EXPECT_THAT(failure(client, "silence", 300ms), HasSubstr("no answer in time"));
}

TEST(MysqlClient, has_limits_of_what_it_takes) {
  std::vector<std::vector<std::string>> many(MysqlClient::most_rows + 1, {"x"});
  Server server({.answers = {{"many", rows({"a"}, many)}}});
  MysqlClient client(server.as_configured());
  EXPECT_THAT(failure(client, "many"), HasSubstr("more than 1000 rows"));
}

// With these ways to log in the library encrypts the password with the key that the server sends,
// or sends it as it is: also where TLS was asked for, and the server has none.
TEST(MysqlClient, an_impostor_does_not_learn_the_password) {
  for (const char* way : {"caching_sha2_password", "sha256_password", "mysql_clear_password"}) {
    for (const bool later : {false, true}) {
      for (const bool tls : {false, true}) {
        const std::string what = fmt::format("{}, asks later: {}, TLS: {}", way, later, tls);
        Server impostor({.way = way, .asks_later = later});
        MysqlServers servers = impostor.as_configured();
        servers.tls.required = tls;
        MysqlClient client(servers);
        const std::string why = failure(client, "select");
        EXPECT_THAT(why, HasSubstr("nothing verifies who it is; verify its name in TLS, use a Unix "
                                   "socket, or let the user log in by mysql_native_password"))
            << what;
        EXPECT_THAT(why, Not(HasSubstr("hunter2"))) << what;
        EXPECT_THAT(impostor.heard(), Not(HasSubstr("hunter2"))) << what;
        EXPECT_FALSE(impostor.key_was_asked_for()) << what;
      }
    }
  }
}

TEST(MysqlClient, where_the_name_is_verified_a_server_without_tls_hears_nothing) {
  Server impostor({.way = "caching_sha2_password"});
  MysqlServers servers = impostor.as_configured();
  servers.tls = {.required = true, .verify_name = true};
  MysqlClient client(servers);
  EXPECT_THAT(failure(client, "select"), HasSubstr("SSL"));
  EXPECT_THAT(impostor.heard(), IsEmpty());
}

TEST(MysqlClient, a_server_without_tls_is_not_asked_if_tls_was_wanted) {
  Server server;
  MysqlServers servers = server.as_configured();
  servers.tls.required = true;
  MysqlClient client(servers);
  EXPECT_THAT(failure(client, "select"), HasSubstr("the server has no TLS"));
  for (const auto& each : server.statements()) EXPECT_THAT(each, IsEmpty());
}

}  // namespace
}  // namespace postern::net
