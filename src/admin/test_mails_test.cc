#include "admin/test_mails.h"

#include <gtest/gtest.h>
#include <thread>

#include "admin/ports.h"
#include "admin/test_api.h"

namespace postern::admin {
namespace {

class FakeTestMail final : public TestMail {
 public:
  TestMailRequest seen;
  Result<TestMailResult> result = TestMailResult{550,
                                                 "550 5.7.1 no",
                                                 "rejected",
                                                 "01HX0000000000000000000000",
                                                 {{true, "QUIT"}, {false, "221"}}};
  std::function<void()> meanwhile;
  Task<Result<TestMailResult>> send(TestMailRequest request) override {
    seen = std::move(request);
    if (meanwhile) meanwhile();
    co_return result;
  }
};

class TestMailsTest : public ::testing::Test {
 protected:
  Answer send(const std::string& body = "") { return api_.post(path_, body, token_); }

  FakeTestMail mail_;
  TestApi api_{[this](Options& options, Dependencies& deps) {
    options.rate_limits = true;
    deps.test_mail = &mail_;
  }};
  std::string token_ = api_.account();
  std::string id_ = api_.webhook(token_).text("/id");
  std::string path_ = "/api/v1/webhooks/" + id_ + "/test-mail";
};

TEST_F(TestMailsTest, tells_what_the_sender_was_told) {
  const Answer answer = send(R"({"from":"","subject":"s","text":"t"})");
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.body,
            R"({"code":550,"reply":"550 5.7.1 no","outcome":"rejected",)"
            R"("trace_id":"01HX0000000000000000000000",)"
            R"("transcript":[{"from":"client","line":"QUIT"},{"from":"server","line":"221"}]})");
  EXPECT_EQ(mail_.seen.webhook_id, id_);
  EXPECT_EQ(mail_.seen.from, "");
  EXPECT_EQ(mail_.seen.subject, "s");
  EXPECT_FALSE((send(), mail_.seen.from)) << "unset is for the sender of mails to choose";
}

TEST_F(TestMailsTest, judges_what_it_is_asked) {
  for (const auto& [body, field] :
       std::map<std::string, std::string>{{R"({"from":"nobody"})", "from"},
                                          {R"({"from":"a@b.example\r\nDATA"})", "from"},
                                          {R"({"subject":"a\nb"})", "subject"},
                                          {R"({"text":7})", "text"},
                                          {R"({"to":"a@b.example"})", "to"}}) {
    EXPECT_TRUE(send(body).has_field(field)) << body;
  }
  EXPECT_EQ(mail_.seen.webhook_id, "") << "nothing was sent";
  EXPECT_EQ(api_.post(path_, "", api_.account("b@example.com")).status, 404);
}

TEST_F(TestMailsTest, one_at_a_time_and_ten_a_minute) {
  std::vector<int> inner;
  mail_.meanwhile = [&] {
    mail_.meanwhile = nullptr;
    // The first request occupies this loop; a second thread sends another one.
    std::thread other([&] {
      boost::asio::io_context loop;
      net::HttpRequest request;
      request.method = "POST";
      ASSERT_FALSE(net::parse_target(path_, request));
      request.headers = {{"authorization", "Bearer " + token_}};
      request.peer = *IpAddress::parse("192.0.2.1");
      auto answer = boost::asio::co_spawn(loop, api_.api->handle(std::move(request)),
                                          boost::asio::use_future);
      loop.run();
      inner.push_back(answer.get().status);
    });
    other.join();
  };
  EXPECT_EQ(send().status, 200);
  EXPECT_EQ(inner, std::vector<int>{429});
  for (int i = 1; i < 10; ++i) EXPECT_EQ(send().status, 200) << i;
  const Answer eleventh = send();
  EXPECT_EQ(eleventh.status, 429);
  EXPECT_TRUE(eleventh.raw.header("Retry-After"));
}

TEST_F(TestMailsTest, says_why_it_could_not) {
  mail_.result = fail(Fault::denied, "no listener takes a connection in the clear");
  const Answer answer = send();
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.text("/error"), "no listener takes a connection in the clear");
}

}  // namespace
}  // namespace postern::admin
