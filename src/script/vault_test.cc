#include "script/vault.h"

#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

namespace postern::script {
namespace {

/// Gives the same answer to each request and keeps the requests.
class OneAnswer final : public World {
 public:
  explicit OneAnswer(Result<HttpAnswer> answer) : answer_(std::move(answer)) {}
  Task<Result<HttpAnswer>> http(HttpQuestion question, Clock::time_point) override {
    asked.push_back(std::move(question));
    co_return answer_;
  }
  Task<Result<void>> blocking(std::function<void()> job) override {
    job();
    co_return Result<void>();
  }
  void log(std::string_view, std::string_view, std::string_view) override {}
  std::vector<HttpQuestion> asked;

 private:
  Result<HttpAnswer> answer_;
};

Task<void> ask(World* world, VaultQuestion question, std::string* out) {
  const auto answer =
      co_await read_vault(*world, std::move(question), Clock::now() + std::chrono::seconds(1));
  *out = !answer   ? "unavailable: " + answer.error().message
         : *answer ? "value: " + (*answer)->reveal()
                   : "not found";
}

std::string read(World& world, std::string path, std::string mount = "secret") {
  std::string out;
  boost::asio::io_context loop;
  VaultQuestion question{.address = "http://127.0.0.1:8200/",
                         .token = Secret("hvs.the-token"),
                         .mount = std::move(mount),
                         .path = std::move(path)};
  boost::asio::co_spawn(loop, ask(&world, std::move(question), &out), boost::asio::detached);
  loop.run();
  return out;
}

TEST(Vault, tells_a_value_from_none_and_none_from_trouble) {
  struct Case {
    int status;
    std::string body, wanted;
  };
  const Case cases[] = {
      {200, R"({"data":{"data":{"key":"tiger"},"metadata":{}}})", "value: tiger"},
      {200, R"({"data":{"data":{"key":""}}})", "value: "},
      {200, R"({"data":{"data":{"other":"x"}}})", "not found"},
      {200, R"({"data":{"data":null}})", "not found"},
      {404, R"({"errors":[]})", "not found"},
      {404, "gone", "not found"},
      {200, R"({"data":{"data":{"key":7}}})",
       "unavailable: the field of Vault's secret is no string"},
      {200, R"({"data":{"key":"version 1"}})",
       "unavailable: Vault's answer is not that of a key-value engine version 2"},
      {200, R"([])", "unavailable: Vault's answer is not that of a key-value engine version 2"},
      {200, "<html>", "unavailable: Vault's answer is not JSON"},
      {403, R"({"errors":["permission denied"]})", "unavailable: Vault answers 403"},
      {503, "", "unavailable: Vault answers 503"},
      {307, "", "unavailable: Vault answers 307"},
  };
  for (const Case& c : cases) {
    OneAnswer world(HttpAnswer{c.status, c.body});
    EXPECT_EQ(read(world, "a/scott"), c.wanted) << c.status << " " << c.body;
  }
  OneAnswer silent(fail(Fault::temporary, "no response in time"));
  EXPECT_EQ(read(silent, "a"), "unavailable: Vault: no response in time");
}

TEST(Vault, encodes_each_segment_and_asks_for_no_other_place) {
  OneAnswer world(HttpAnswer{404, ""});
  const std::pair<std::string, std::string> cases[] = {
      {"smtp-auth/scott", "smtp-auth/scott"},
      {"zo\xc3\xab", "zo%C3%AB"},
      {"scott?version=1", "scott%3Fversion%3D1"},
      {"scott#x", "scott%23x"},
      {"%2e%2e%2fadmin", "%252e%252e%252fadmin"},
      {"a b@example.com", "a%20b%40example.com"},
      {"...", "..."},
  };
  for (const auto& [path, wanted] : cases) {
    read(world, path);
    ASSERT_FALSE(world.asked.empty());
    EXPECT_EQ(world.asked.back().url, "http://127.0.0.1:8200/v1/secret/data/" + wanted);
    EXPECT_EQ(world.asked.back().method, "GET");
  }
  read(world, "x", "/kv/team/");
  EXPECT_EQ(world.asked.back().url, "http://127.0.0.1:8200/v1/kv/team/data/x");
  world.asked.clear();
  for (const char* path : {"", "../admin", "a/../b", "./scott", "a//scott", "a/", "a/..", "/a"})
    EXPECT_EQ(read(world, path), "not found") << path;
  EXPECT_TRUE(world.asked.empty());
}

}  // namespace
}  // namespace postern::script
