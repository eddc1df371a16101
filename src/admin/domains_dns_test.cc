#include <gtest/gtest.h>

#include "admin/test_api.h"

namespace postern::admin {
namespace {

class DomainsDnsTest : public ::testing::Test {
 protected:
  /// The entries by purpose; each purpose occurs once.
  std::map<std::string, boost::json::object> ask() {
    const Answer answer = api_.get(domain_ + "/dns", token_);
    EXPECT_EQ(answer.status, 200) << answer.body;
    std::map<std::string, boost::json::object> entries;
    for (const auto& entry : answer.json.at("data").as_array()) {
      const auto& object = entry.as_object();
      const std::string purpose(object.at("purpose").as_string());
      EXPECT_TRUE(entries.emplace(purpose, object).second) << purpose;
    }
    return entries;
  }
  static std::string text(const boost::json::object& entry, const char* name = "text") {
    return std::string(entry.at(name).as_string());
  }

  TestApi api_{[](Options& options, Dependencies&) { options.hostname = "MX.example.net"; }};
  std::string token_ = api_.account();
  Answer claimed_ = api_.post("/api/v1/domains", R"({"name":"example.com"})", token_);
  std::string domain_ = "/api/v1/domains/" + claimed_.text("/id");
};

TEST_F(DomainsDnsTest, says_what_to_publish) {
  const auto entries = ask();
  ASSERT_EQ(entries.size(), 2u);
  const auto& txt = entries.at("verification");
  EXPECT_EQ(text(txt, "name"), "_conduit-verify.example.com");
  EXPECT_EQ(text(txt, "value"), claimed_.text("/verification_token"));
  EXPECT_EQ(text(txt), "DNS does not know the name _conduit-verify.example.com.");
  EXPECT_FALSE(txt.at("ok").as_bool());
  EXPECT_EQ(text(entries.at("mx"), "value"), "10 mx.example.net");
  EXPECT_EQ(text(entries.at("mx"), "type"), "MX");
}

TEST_F(DomainsDnsTest, compares_with_what_is_there) {
  const std::string token = claimed_.text("/verification_token");
  api_.resolver.txt["_conduit-verify.example.com"] = {"x" + token};
  api_.resolver.txt["example.com"] = {"10 other.example", "20 other2.example"};
  auto entries = ask();
  EXPECT_FALSE(entries.at("verification").at("ok").as_bool()) << "the whole string must match";
  EXPECT_EQ(entries.at("verification").at("found").as_array().size(), 1u);
  EXPECT_EQ(text(entries.at("mx")),
            "Mail for example.com goes elsewhere: no MX record names this gateway.");

  api_.resolver.txt["_postern-verify.example.com"] = {token};  // the second place is also valid
  api_.resolver.txt["example.com"].push_back("30 mx.example.net");
  entries = ask();
  EXPECT_TRUE(entries.at("verification").at("ok").as_bool());
  EXPECT_EQ(text(entries.at("verification"), "name"), "_postern-verify.example.com");
  EXPECT_TRUE(entries.at("mx").at("ok").as_bool());
  EXPECT_EQ(text(entries.at("mx")), "DNS has the record.");
}

TEST_F(DomainsDnsTest, judges_keys_as_verifiers_do) {
  api_.resolver.txt["_conduit-verify.example.com"] = {claimed_.text("/verification_token")};
  ASSERT_EQ(api_.post(domain_ + "/verify", "", token_).status, 200);
  const Answer key = api_.post(domain_ + "/dkim-keys",
                               R"({"selector":"s1","algorithm":"ed25519-sha256"})", token_);
  ASSERT_EQ(key.status, 201) << key.body;
  EXPECT_FALSE(ask().at("dkim").at("ok").as_bool());
  api_.resolver.txt["s1._domainkey.example.com"] = {key.text("/record/value") + "; n=ours"};
  EXPECT_TRUE(ask().at("dkim").at("ok").as_bool()) << "other text, the same key";
  api_.resolver.txt["s1._domainkey.example.com"] = {key.text("/record/value") + "; t=y; x"};
  EXPECT_FALSE(ask().at("dkim").at("ok").as_bool());
}

TEST_F(DomainsDnsTest, trouble_is_no_answer) {
  api_.resolver.broken = true;
  EXPECT_TRUE(text(ask().at("mx")).starts_with("No name server gave an answer for example.com"));
  EXPECT_EQ(api_.get(domain_ + "/dns", api_.account("b@example.com")).status, 404);
}

}  // namespace
}  // namespace postern::admin
