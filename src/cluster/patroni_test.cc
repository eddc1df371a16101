#include "cluster/patroni.h"

#include <map>

#include <gtest/gtest.h>

namespace postern::cluster {
namespace {

/// Answers as Patroni gives them; what is missing is not there.
class PatroniTest : public ::testing::Test {
 protected:
  Patroni ask(const std::vector<std::string>& urls) {
    return ask_patroni(urls, [this](const std::string& url) -> Result<std::string> {
      const auto at = answers_.find(url);
      if (at == answers_.end()) return fail(Fault::not_found, "no connection");
      return at->second;
    });
  }
  void add(const std::string& url, const std::string& version) {
    answers_[url + "/patroni"] = R"({"state":"running","role":"replica","patroni":{"version":")" +
                                 version + R"(","scope":"mail"}})";
    answers_[url + "/config"] =
        R"({"ttl":20,"loop_wait":2,"retry_timeout":3,"synchronous_mode":"quorum",)"
        R"("synchronous_mode_strict":true})";
    answers_[url + "/cluster"] =
        R"({"members":[{"name":"n1","role":"leader","state":"running"},)"
        R"({"name":"n2","role":"quorum_standby","state":"streaming","lag":0},)"
        R"({"name":"n3","role":"quorum_standby","state":"starting"},)"
        R"({"name":"n4","role":"replica","state":"streaming"}],"scope":"mail"})";
  }
  std::map<std::string, std::string> answers_;
};

TEST_F(PatroniTest, version_settings_and_who_may_take_over) {
  add("http://pg2:8008", "4.0.7");
  const Patroni found = ask({"http://pg1:8008", "http://pg2:8008/"});
  ASSERT_EQ(found.hosts.size(), 2u);
  EXPECT_EQ(found.hosts[0].version, "");
  EXPECT_EQ(found.hosts[0].trouble, "no connection");
  EXPECT_EQ(found.hosts[1].version, "4.0.7");
  EXPECT_TRUE(found.is_known && found.synchronous && found.strict && !found.paused);
  EXPECT_EQ(found.ttl, 20);
  EXPECT_EQ(found.loop_wait, 2);
  EXPECT_EQ(found.retry_timeout, 3);
  EXPECT_EQ(found.candidates, 1) << "one that starts has nothing yet, a replica may lack something";
}

TEST_F(PatroniTest, settings_in_other_words) {
  add("http://pg1:8008", "3.0.2");
  for (const auto& [mode, is] : {std::pair("true", true),
                                 {"\"on\"", true},
                                 {"\"quorum\"", true},
                                 {"false", false},
                                 {"\"off\"", false},
                                 {"null", false}}) {
    answers_["http://pg1:8008/config"] =
        std::string(R"({"pause":true,"synchronous_mode":)") + mode + "}";
    const Patroni found = ask({"http://pg1:8008"});
    EXPECT_EQ(found.synchronous, is) << mode;
    EXPECT_FALSE(found.strict);
    EXPECT_TRUE(found.paused);
    EXPECT_EQ(found.ttl, 30) << "its default";
  }
}

TEST_F(PatroniTest, what_is_not_patroni) {
  answers_["http://pg1:8008/patroni"] = "<html>";
  answers_["http://pg2:8008/patroni"] = "{}";
  const Patroni found = ask({"http://pg1:8008", "http://pg2:8008"});
  for (const PatroniHost& one : found.hosts) {
    EXPECT_EQ(one.version, "");
    EXPECT_EQ(one.trouble, "the answer is not that of Patroni");
  }
  EXPECT_FALSE(found.is_known);
}

TEST_F(PatroniTest, versions_are_compared_by_numbers) {
  EXPECT_TRUE(is_older("3.0.2", "3.0.3"));
  EXPECT_TRUE(is_older("3.0.3", "3.0.10"));
  EXPECT_TRUE(is_older("2.1", "3.0.3"));
  EXPECT_FALSE(is_older("3.0.3", "3.0.3"));
  EXPECT_FALSE(is_older("4", "3.9.9"));
  EXPECT_FALSE(is_older("3.1.0-1", "3.0.3"));
}

// Trap 11.
TEST_F(PatroniTest, which_one_loses_mail) {
  add("http://pg1:8008", "4.0.7");
  add("http://pg2:8008", "3.0.2");
  const Patroni mixed = ask({"http://pg1:8008", "http://pg2:8008"});
  EXPECT_NE(loses_mail(mixed, true).find("3.0.2 at http://pg2:8008"), std::string::npos);
  EXPECT_EQ(loses_mail(mixed, false), "") << "the older protocol lost nothing";
  EXPECT_EQ(loses_mail(ask({"http://pg1:8008"}), true), "");
  EXPECT_EQ(loses_mail(ask({"http://pg9:8008"}), true), "") << "not known";
}

}  // namespace
}  // namespace postern::cluster
