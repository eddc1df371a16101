#include "config/script_world.h"

#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "base/patience_test.h"
#include "net/scripted_http_server.h"
#include "script/vault.h"

namespace postern::app {
namespace {

using namespace std::chrono_literals;
using net::ScriptedHttpServer;
using Request = ScriptedHttpServer::Request;
using Response = ScriptedHttpServer::Response;

class NoResolver final : public dns::Resolver {
 public:
  Task<dns::Answer> lookup(dns::Question, std::chrono::milliseconds) override {
    co_return dns::Answer{.status = dns::Status::no_data};
  }
};

Task<void> ask(script::World* world, script::HttpQuestion question, std::chrono::milliseconds limit,
               Result<script::HttpAnswer>* out) {
  *out = co_await world->http(std::move(question), script::Clock::now() + limit);
}

Task<void> ask_vault(script::World* world, script::VaultQuestion question,
                     Result<std::optional<Secret>>* out) {
  *out = co_await script::read_vault(*world, std::move(question),
                                     script::Clock::now() + tests::patience);
}

Task<void> block(script::World* world, std::thread::id* where, std::string* trouble) {
  try {
    const Result<void> done =
        co_await world->blocking([where] { *where = std::this_thread::get_id(); });
    EXPECT_TRUE(done);
    const Result<void> ignored =
        co_await world->blocking([] { throw std::runtime_error("from the job"); });
    static_cast<void>(ignored);
  } catch (const std::runtime_error& error) {
    *trouble = error.what();
  }
}

class ScriptWorldTest : public testing::Test {
 protected:
  template <class T>
  void run(T task) {
    boost::asio::co_spawn(loop_, std::move(task), boost::asio::detached);
    loop_.restart();
    loop_.run();
  }
  Result<script::HttpAnswer> http(script::HttpQuestion question,
                                  std::chrono::milliseconds limit = tests::patience) {
    Result<script::HttpAnswer> out;
    run(ask(&world_, std::move(question), limit, &out));
    return out;
  }

  NoResolver resolver_;
  boost::asio::io_context loop_{1};
  net::WorkPool pool_{1, 4};
  ScriptWorld world_{resolver_, pool_, {}};
};

TEST_F(ScriptWorldTest, gets_and_posts) {
  ScriptedHttpServer server([](const Request& request) {
    return Response{.status = request.method == "POST" ? 201 : 200, .body = request.body + "!"};
  });
  const auto got = http({.url = server.url("localhost", "/a"), .headers = {{"X-A", "1"}}});
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->status, 200);
  EXPECT_EQ(got->body, "!");
  const auto posted = http({.method = "POST", .url = server.url(), .headers = {}, .body = "b"});
  ASSERT_TRUE(posted) << posted.error().message;
  EXPECT_EQ(posted->status, 201);
  EXPECT_EQ(posted->body, "b!");
  EXPECT_EQ(server.requests()[0].header("X-A"), "1");
}

TEST_F(ScriptWorldTest, what_does_not_come_whole_and_in_time_is_an_error_without_secrets) {
  int asked = 0;
  ScriptedHttpServer server([&asked](const Request& request) {
    ++asked;
    if (request.target == "/moved?token=s3cret")
      return Response{.status = 302, .headers = {{"Location", "/other"}}};
    if (request.target == "/slow?token=s3cret") return Response{.delay = tests::patience};
    if (request.target == "/reset?token=s3cret") return Response{.reset = true};
    return Response{.body = std::string(2000, 'x')};
  });
  const auto moved = http({.url = server.url("127.0.0.1", "/moved?token=s3cret"), .headers = {}});
  ASSERT_TRUE(moved);
  EXPECT_EQ(moved->status, 302);
  EXPECT_EQ(asked, 1);
  for (const char* path : {"/slow?token=s3cret", "/reset?token=s3cret", "/long?token=s3cret"}) {
    const auto answer = http(
        {.url = server.url("127.0.0.1", path), .headers = {}, .body = {}, .answer_limit = 1000},
        300ms);
    ASSERT_FALSE(answer) << path;
    EXPECT_EQ(answer.error().fault, Fault::temporary);
    EXPECT_EQ(answer.error().message.find("s3cret"), std::string::npos) << answer.error().message;
  }
  EXPECT_FALSE(http({.url = "http://127.0.0.1:1/", .headers = {}}));
  EXPECT_FALSE(http({.url = "file:///etc/passwd", .headers = {}}));
}

TEST_F(ScriptWorldTest, reads_a_secret_of_a_vault) {
  ScriptedHttpServer server([](const Request& request) {
    if (request.header("X-Vault-Token") != "hvs.t") return Response{.status = 403};
    if (request.target != "/v1/secret/data/smtp-auth/scott") return Response{.status = 404};
    return Response{.body = R"({"data":{"data":{"key":"tiger"}}})"};
  });
  Result<std::optional<Secret>> answer;
  const auto read = [&](const char* token, const char* path) {
    run(ask_vault(&world_,
                  {.address = server.url("127.0.0.1", ""),
                   .token = Secret(token),
                   .mount = "secret",
                   .path = path},
                  &answer));
  };
  read("hvs.t", "smtp-auth/scott");
  ASSERT_TRUE(answer && *answer);
  EXPECT_EQ((*answer)->reveal(), "tiger");
  read("hvs.t", "smtp-auth/nobody");
  ASSERT_TRUE(answer);
  EXPECT_FALSE(*answer);
  read("hvs.other", "smtp-auth/scott");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().message, "Vault answers 403");
}

TEST_F(ScriptWorldTest, blocks_on_another_thread_and_hands_on_what_is_thrown) {
  std::thread::id where;
  std::string trouble;
  run(block(&world_, &where, &trouble));
  EXPECT_NE(where, std::thread::id());
  EXPECT_NE(where, std::this_thread::get_id());
  EXPECT_EQ(trouble, "from the job");
}

}  // namespace
}  // namespace postern::app
