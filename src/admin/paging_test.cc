#include <gtest/gtest.h>

#include "admin/test_api.h"

namespace postern::admin {
namespace {

class PagingTest : public ::testing::Test {
 protected:
  /// `name` of each element in all responses, following the cursors; "|" ends a response.
  std::string walk(const std::string& path, const std::string& query, const char* name) {
    std::string all;
    std::string cursor;
    for (int i = 0; i < 20; ++i) {
      const Answer answer = api_.get(path + "?" + query + cursor, token_);
      EXPECT_EQ(answer.status, 200) << answer.body;
      EXPECT_FALSE(answer.json.as_object().contains("total")) << "nothing is counted";
      for (const auto& one : answer.json.at("data").as_array())
        all += std::string(one.at(name).as_string()) + " ";
      all += "| ";
      if (answer.json.at("next").is_null()) break;
      cursor = "&cursor=" + answer.text("/next");
    }
    return all;
  }

  TestApi api_;
  std::string token_ = api_.account();
};

TEST_F(PagingTest, lists_follow_their_cursor) {
  // The hyphen occurs in no id, because ids are also searched.
  for (const char* name : {"no-one", "no-two", "no-three"}) {
    api_.policy(token_, std::string(R"({"name":")") + name + "\"}");
    api_.webhook(token_, std::string(R"(,"name":")") + name + "\"");
  }
  for (const char* path : {"/api/v1/smtp-policies", "/api/v1/webhooks"}) {
    EXPECT_EQ(walk(path, "limit=2", "name"), "no-three no-two | no-one | ") << path;
    EXPECT_EQ(walk(path, "q=o-tw", "name"), "no-two | ") << path;
    EXPECT_EQ(walk(path, "q=%20O-TW%20&limit=1", "name"), "no-two | | ")
        << "whether more fit is unknown";
    EXPECT_EQ(walk(path, "q=nothing", "name"), "| ") << path;
  }
  EXPECT_EQ(walk("/api/v1/webhooks", "active=false&limit=2", "name"), "| ");
  EXPECT_EQ(walk("/api/v1/webhooks", "q=127.0.0.1", "name"), "no-three no-two no-one | ")
      << "the target";
}

TEST_F(PagingTest, logs_and_inbox_follow_their_cursor) {
  const std::string id = api_.webhook(token_).text("/id");
  const std::string one = "/api/v1/webhooks/" + id;
  for (const char* sender : {"a@x.example", "b@x.example", "c@y.example"}) {
    api_.log->append(
        {.id = new_id("log_"), .webhook_id = id, .sender = sender, .http_status = 200});
    api_.keep(id, new_id("msg_"), "{}", sender);
  }
  for (const std::string& path : {one + "/logs", one + "/inbox"})
    EXPECT_EQ(walk(path, "limit=2", "sender"), "c@y.example b@x.example | a@x.example | ");
  EXPECT_EQ(walk(one + "/logs", "q=x.EXAMPLE", "sender"), "b@x.example a@x.example | ");
  EXPECT_EQ(walk(one + "/logs", "outcome=failure&limit=9", "sender"), "| ");
  const std::string stranger = api_.account("b@example.com");
  EXPECT_EQ(api_.get(one + "/logs?limit=2", stranger).status, 404);
  EXPECT_EQ(api_.get(one + "/inbox?limit=2", stranger).status, 404);
  EXPECT_TRUE(api_.get(one + "/inbox?limit=2&wait=1", token_).has_field("wait"));
}

TEST_F(PagingTest, refuses_what_it_did_not_say) {
  const std::pair<std::string, std::string> wrong[] = {{"cursor=", "cursor"},
                                                       {"cursor=0", "cursor"},
                                                       {"cursor=x", "cursor"},
                                                       {"cursor=-1", "cursor"},
                                                       {"limit=0", "limit"},
                                                       {"limit=201", "limit"},
                                                       {"cursor=99999999999999999999", "cursor"},
                                                       {"q=" + std::string(201, 'x'), "q"}};
  for (const auto& [query, name] : wrong) {
    const Answer answer = api_.get("/api/v1/webhooks?" + query, token_);
    EXPECT_EQ(answer.status, 422) << query;
    EXPECT_TRUE(answer.has_field(name)) << query;
  }
  EXPECT_EQ(api_.get("/api/v1/webhooks?page=1", token_).json.at("total").to_number<int>(), 0)
      << "pages stay as they were";
}

}  // namespace
}  // namespace postern::admin
