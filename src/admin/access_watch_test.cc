#include "admin/access_watch.h"

#include <thread>

#include <gtest/gtest.h>
#include <boost/asio.hpp>

#include "admin/test_api.h"
#include "admin/trace_hub.h"
#include "base/patience_test.h"
#include "base/time_text.h"
#include "net/http_server.h"

namespace postern::admin {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using store::WriteOutcome;

/// A gateway's API on a socket, with an owner and a colleague. No wait ends by itself for minutes.
class AccessEnds : public ::testing::Test {
 protected:
  AccessEnds()
      : hub_({.keep_alive = 600s, .longest = 600s}),
        api_([this](Options&, Dependencies& deps) { deps.trace_hub = &hub_; }) {
    owner_ = api_.account("owner@example.com");
    team_ = api_.get("/api/v1/accounts/me", owner_).text("/id");
    webhook_ = api_.post("/api/v1/webhooks", R"({"target_url":"inbox"})", owner_).text("/id");
    const std::string link =
        api_.post("/api/v1/invitations", R"({"role":"viewer"})", owner_).text("/link");
    api_.post("/api/v1/accounts", account_body("kim@example.com", token_of(link)));
    const Answer in = api_.post("/api/v1/sessions", account_body("kim@example.com"));
    kim_ = in.text("/access_token");
    refresh_ = in.text("/refresh_token");
    person_ = api_.get("/api/v1/accounts/me", kim_).text("/id");
    session_ = api_.get("/api/v1/accounts/me/sessions", kim_).text("/data/0/id");
    const Answer made = api_.post("/api/v1/api-tokens", R"({"name":"t","scopes":["read"]})", kim_);
    token_ = made.text("/token");
    token_id_ = made.text("/id");
    server_ = std::make_unique<net::HttpServer>(
        loop_, [this](net::HttpRequest request) { return api_.api->handle(std::move(request)); });
    port_ = server_->listen("127.0.0.1:0").value();
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~AccessEnds() override {
    server_->stop();
    thread_.join();
  }

  struct Client {
    asio::io_context io;
    asio::ip::tcp::socket socket{io};
    std::string out;
  };
  std::unique_ptr<Client> get(const std::string& target, const std::string& token) {
    auto client = std::make_unique<Client>();
    client->socket.connect({asio::ip::address_v4::loopback(), port_});
    asio::write(client->socket,
                asio::buffer("GET " + target + " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" +
                             "Authorization: Bearer " + token + "\r\n\r\n"));
    return client;
  }
  std::unique_ptr<Client> tail(const std::string& token) {
    auto client = get("/api/v1/traces/stream", token);
    asio::read_until(client->socket, asio::dynamic_buffer(client->out), "retry: 2000\n");
    return client;
  }
  std::unique_ptr<Client> poll(const std::string& token) {
    return get("/api/v1/webhooks/" + webhook_ + "/inbox?wait=30", token);
  }
  static std::string rest(Client& client) {
    boost::system::error_code end;
    asio::read(client.socket, asio::dynamic_buffer(client.out), end);
    return client.out;
  }
  void publish(const std::string& id) {
    store::TraceRow row;
    row.id = id;
    row.time = store::now();
    row.outcome = "accepted";
    row.account_id = team_;
    hub_.publish(std::make_shared<const store::TraceRow>(std::move(row)));
  }

  /// `end` removes the access of this token's holder: tail and poll end at once.
  template <class End>
  void expect_end(const std::string& token, End end) {
    const auto watched = tail(token);
    const auto waiting = poll(token);
    const auto another = tail(owner_);
    ASSERT_TRUE(tests::eventually([this] { return server_->requests() == 3; }));
    end();
    const std::string seen = rest(*watched);
    EXPECT_TRUE(seen.ends_with("\r\n0\r\n\r\n")) << seen;
    const std::string told = rest(*waiting);
    EXPECT_EQ(told.substr(0, 12), "HTTP/1.1 401") << told;
    publish("01A");
    asio::read_until(another->socket, asio::dynamic_buffer(another->out), "{\"id\":\"01A\"");
    EXPECT_TRUE(tests::eventually([this] { return server_->requests() == 1; }))
        << "the places are free";
  }

  TraceHub hub_;
  TestApi api_;
  std::string owner_, team_, webhook_, kim_, refresh_, person_, session_, token_, token_id_;
  asio::io_context loop_;
  std::unique_ptr<net::HttpServer> server_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

TEST_F(AccessEnds, with_the_membership) {
  expect_end(kim_, [this] {
    EXPECT_EQ(api_.store->remove_member(team_, person_, nullptr).value(), WriteOutcome::done);
  });
}

TEST_F(AccessEnds, of_a_token_with_its_makers_membership) {
  expect_end(token_, [this] {
    EXPECT_EQ(api_.store->remove_member(team_, person_, nullptr).value(), WriteOutcome::done);
  });
}

TEST_F(AccessEnds, with_the_session) {
  expect_end(kim_, [this] {
    EXPECT_EQ(api_.store->end_session(person_, session_, nullptr).value(), WriteOutcome::done);
  });
}

TEST_F(AccessEnds, with_signing_out) {
  expect_end(kim_, [this] {
    EXPECT_TRUE(api_.store->end_session_by_token(Secret(sha256(refresh_)), {}).value());
  });
}

TEST_F(AccessEnds, with_a_refresh_token_that_two_hold) {
  expect_end(kim_, [this] {
    const Secret hash(sha256(refresh_));
    const auto later = store::now() + 24h;
    api_.store->refresh_session(hash, Secret("next"), store::now(), later).value();
    api_.store->refresh_session(hash, Secret("other"), store::now(), later).value();
  });
}

TEST_F(AccessEnds, with_the_password) {
  expect_end(kim_, [this] {
    api_.store->set_password(person_, Secret("hash"), store::Tokens::keep, "", nullptr).value();
  });
}

TEST_F(AccessEnds, of_a_token_that_is_revoked) {
  expect_end(token_, [this] {
    EXPECT_EQ(api_.store->delete_api_token(team_, "", token_id_, nullptr).value(),
              WriteOutcome::done);
  });
}

TEST_F(AccessEnds, of_a_token_whose_maker_revokes_all_with_the_password) {
  expect_end(token_, [this] {
    api_.store->set_password(person_, Secret("hash"), store::Tokens::revoke, "", nullptr).value();
  });
}

TEST_F(AccessEnds, of_a_token_at_the_end_of_its_time) {
  // A busy machine may not begin in that time: then it gets more, up to the longest wait of a poll.
  for (auto time = 500ms;; time *= 4) {
    ASSERT_LT(time, 30s);
    const std::string over = to_rfc3339(store::now() + time);
    const Answer made =
        api_.post("/api/v1/api-tokens",
                  R"({"name":"s","scopes":["read"],"expires_at":")" + over + "\"}", kim_);
    if (made.status != 201) continue;
    const auto watched = get("/api/v1/traces/stream", made.text("/token"));
    const auto waiting = poll(made.text("/token"));
    const std::string seen = rest(*watched);
    const std::string told = rest(*waiting);
    if (!seen.starts_with("HTTP/1.1 200")) continue;
    EXPECT_TRUE(seen.ends_with("\r\n0\r\n\r\n")) << seen;
    EXPECT_EQ(told.substr(0, 12), "HTTP/1.1 401") << told;
    break;
  }
}

TEST_F(AccessEnds, when_another_process_takes_it) {
  api_.run(api_.api->tick());
  expect_end(kim_, [this] {
    const auto other = store::SqliteStore::open(api_.folder.file("postern.db")).value();
    other->set_password(person_, Secret("hash"), store::Tokens::keep, "", nullptr).value();
    api_.run(api_.api->tick());
  });
}

TEST_F(AccessEnds, not_with_another_session_or_a_changed_role) {
  const auto watched = tail(kim_);
  const std::string other =
      api_.post("/api/v1/sessions", account_body("kim@example.com")).text("/refresh_token");
  EXPECT_TRUE(api_.store->end_session_by_token(Secret(sha256(other)), {}).value());
  EXPECT_EQ(api_.store->set_role(team_, person_, store::Role::operates, nullptr).value(),
            WriteOutcome::done);
  publish("01A");
  asio::read_until(watched->socket, asio::dynamic_buffer(watched->out), "{\"id\":\"01A\"");
}

/// A decision right after the removal is not shown: access is judged first.
TEST_F(AccessEnds, before_the_next_piece) {
  for (int round = 0; round < 20; ++round) {
    const Answer made = api_.post("/api/v1/api-tokens", R"({"name":"t","scopes":["read"]})", kim_);
    const auto watched = tail(made.text("/token"));
    api_.store->delete_api_token(team_, "", made.text("/id"), nullptr).value();
    publish("01B");
    EXPECT_EQ(rest(*watched).find("01B"), std::string::npos);
  }
}

TEST_F(AccessEnds, with_the_account) {
  const auto watched = tail(kim_);
  const auto own = tail(owner_);
  api_.store->delete_account(team_, nullptr).value();
  EXPECT_TRUE(rest(*watched).ends_with("\r\n0\r\n\r\n"));
  EXPECT_TRUE(rest(*own).ends_with("\r\n0\r\n\r\n"));
}

TEST_F(AccessEnds, and_a_client_that_leaves_frees_its_place) {
  std::vector<std::unique_ptr<Client>> waiting;
  for (int i = 0; i < 16; ++i) waiting.push_back(poll(kim_));
  ASSERT_TRUE(tests::eventually([this] { return server_->requests() == 16; }));
  EXPECT_EQ(rest(*poll(kim_)).substr(0, 12), "HTTP/1.1 429");
  EXPECT_EQ(rest(*get("/api/v1/webhooks", kim_)).substr(0, 12), "HTTP/1.1 200")
      << "who waits takes no place of other requests";
  EXPECT_EQ(rest(*get("/api/v1/webhooks/" + webhook_ + "/inbox", kim_)).substr(0, 12),
            "HTTP/1.1 200");
  waiting.clear();
  EXPECT_TRUE(tests::eventually([this] { return server_->requests() == 0; }));
  const auto again = poll(kim_);
  EXPECT_TRUE(tests::eventually([this] { return server_->requests() == 1; }));
}

}  // namespace
}  // namespace postern::admin
