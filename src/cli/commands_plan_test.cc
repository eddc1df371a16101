#include "cli/commands_plan.h"
#include "cli/commands_mail_test.h"

namespace postern::app {
namespace {

using namespace testing_mail;
using ::testing::HasSubstr;
using ::testing::Not;

class PlanCommand : public MailCommands {
 protected:
  void SetUp() override {
    MailCommands::SetUp();
    write("old.toml", "a.example.net");
    write("new.toml", "b.example.net");
  }
  void write(const std::string& name, const std::string& host) {
    folder_.write(name,
                  "[server]\nhostname = \"mx.example.com\"\n[restrictions]\n"
                  "mydestination = \"example.com\"\nlocal_recipient_maps = \"\"\n"
                  "smtpd_relay_restrictions = \"reject_unauth_destination\"\n"
                  "[[route]]\nmatch = [\"example.com\"]\nto = [\"" +
                      host + "\"]\n");
  }
  static Answer plan(const std::vector<std::string>& more) {
    std::vector<std::string> words{"plan", "--budget", "60s"};
    words.insert(words.end(), more.begin(), more.end());
    return run(run_plan, words);
  }
};

TEST_F(PlanCommand, routes_are_a_difference_if_they_are_asked_for) {
  const Answer unasked = plan({"old.toml", "new.toml"});
  EXPECT_EQ(unasked.code, 0) << unasked.out << unasked.err;
  EXPECT_THAT(unasked.out,
              HasSubstr("  routes: differ in the file, not compared; --routes compares"));
  EXPECT_THAT(plan({"old.toml", "old.toml"}).out, Not(HasSubstr("routes:")));
  const Answer asked = plan({"old.toml", "new.toml", "--routes"});
  EXPECT_EQ(asked.code, 2) << asked.out << asked.err;
  EXPECT_THAT(asked.out, HasSubstr("SAME VERDICTS, OTHER ROUTES"));
  EXPECT_THAT(asked.out, HasSubstr("(ours, other route)"));
  EXPECT_THAT(asked.out, HasSubstr("route relay to [a.example.net]"));
  EXPECT_THAT(asked.out, HasSubstr("  routes: differ\n"));
  const Answer same = plan({"old.toml", "old.toml", "--routes"});
  EXPECT_EQ(same.code, 0) << same.out << same.err;
  EXPECT_THAT(same.out, HasSubstr("  routes: the same\n"));
  EXPECT_EQ(plan({"old.toml", "new.toml", "--routes", "--allow", "same"}).code, 1);
  EXPECT_EQ(plan({"old.toml", "new.toml", "--allow", "same"}).code, 0);
}

TEST_F(PlanCommand, routes_are_in_json) {
  const Answer asked = plan({"old.toml", "new.toml", "--routes", "--json"});
  const auto json = boost::json::parse(asked.out).as_object();
  EXPECT_EQ(json.at("routes"), "differs");
  EXPECT_EQ(json.at("answer"), "same");
  EXPECT_EQ(json.at("witnesses").at(0).at("kind"), "routes");
  const Answer unasked = plan({"old.toml", "new.toml", "--json"});
  EXPECT_EQ(boost::json::parse(unasked.out).at("routes"), "not_compared");
  const Answer same = plan({"old.toml", "old.toml", "--json"});
  EXPECT_TRUE(boost::json::parse(same.out).at("routes").is_null());
}

TEST_F(PlanCommand, other_codes_are_named) {
  const auto with_code = [&](const std::string& name, const std::string& code) {
    folder_.write(name,
                  "[restrictions]\nmydestination = \"example.com\"\nsmtpd_relay_restrictions = "
                  "\"reject_unauth_destination\"\nrelay_domains_reject_code "
                  "= \"" +
                      code + "\"\n");
  };
  with_code("old-code.toml", "550");
  with_code("new-code.toml", "450");
  const Answer unasked = plan({"old-code.toml", "new-code.toml"});
  EXPECT_EQ(unasked.code, 0) << unasked.out << unasked.err;
  EXPECT_THAT(unasked.out, HasSubstr("replies: codes differ (550 5.7.1 became 450 4.7.1), "
                                     "--replies shows where; handling: the same\n"));
  const Answer asked = plan({"old-code.toml", "new-code.toml", "--replies"});
  EXPECT_EQ(asked.code, 2);
  EXPECT_THAT(asked.out, HasSubstr("replies: codes differ (550 5.7.1 became 450 4.7.1); handling"));
}

// Names are relative to the working folder: the file beside a version is not what was compared.
TEST_F(PlanCommand, files_beside_versions_are_not_read) {
  const std::string lists =
      "[server]\nhostname = \"mx.example.com\"\n[restrictions]\n"
      "mydestination = \"example.com\"\nlocal_recipient_maps = \"\"\n"
      "smtpd_sender_restrictions = \"check_sender_access texthash:senders\"\n"
      "smtpd_relay_restrictions = \"reject_unauth_destination\"\n";
  std::filesystem::create_directory("before");
  folder_.write("before/postern.toml", lists);
  folder_.write("postern.toml", lists);
  folder_.write("senders", "spam.example REJECT\n");
  EXPECT_EQ(plan({"before/postern.toml", "postern.toml"}).code, 0);
  folder_.write("before/senders", "spam.example REJECT\n");
  EXPECT_EQ(plan({"before/postern.toml", "postern.toml"}).code, 0);
  folder_.write("before/senders", "spam.example REJECT\npartner.example REJECT\n");
  const Answer other = plan({"before/postern.toml", "postern.toml"});
  EXPECT_EQ(other.code, 3) << other.out << other.err;
  EXPECT_THAT(other.out, HasSubstr("not proved: senders was read from the working folder"));
  EXPECT_THAT(other.out, HasSubstr("(other_folder)"));
}

TEST_F(PlanCommand, a_version_is_not_compared_with_itself_by_standard_input) {
  const Answer both = plan({"-", "-"});
  EXPECT_EQ(both.code, 64) << both.out;
  EXPECT_THAT(both.err, HasSubstr("one version alone can be on standard input"));
}

TEST_F(PlanCommand, why_allow_is_not_met_is_said) {
  folder_.write("none.toml",
                "[server]\nhostname = \"mx.example.com\"\n[restrictions]\n"
                "mydestination = \"example.com\"\nlocal_recipient_maps = \"\"\n"
                "smtpd_relay_restrictions = \"reject\"\n");
  const Answer other = plan({"old.toml", "none.toml", "--allow", "same"});
  EXPECT_EQ(other.code, 1);
  EXPECT_THAT(other.out, HasSubstr("--allow is not met: the answer is refuses-more\n"));
  const Answer routes = plan({"old.toml", "new.toml", "--routes", "--allow", "same"});
  EXPECT_THAT(routes.out, HasSubstr("--allow is not met: routes may differ"));
  EXPECT_THAT(plan({"old.toml", "new.toml", "--allow", "same"}).out, Not(HasSubstr("not met")));
}

TEST_F(PlanCommand, small_limits_of_scripts_are_met_by_longer_texts) {
  folder_.write("joins.vsl",
                "#{ mail: [ rule \"x\" || { let s = helo() + helo() + helo() + helo() + helo(); "
                "next() } ] }\n");
  folder_.write("next.vsl", "#{ mail: [ rule \"x\" || next() ] }\n");
  for (const std::string name : {"joins", "next"}) {
    folder_.write(name + ".toml", "[vsl]\ndomain = \"example.com\"\npolicy = \"" + name +
                                      ".vsl\"\n[vsl.limits]\nstring = \"1 KiB\"\n");
  }
  const Answer found = plan({"joins.toml", "next.toml"});
  EXPECT_EQ(found.code, 3) << found.out << found.err;
}

// The import from Postfix copies mynetworks to exempt_networks.
TEST_F(PlanCommand, limits_of_rates_decide_nothing) {
  const auto with = [&](const std::string& name, const std::string& limits) {
    folder_.write(name, "[limits]\n" + limits +
                            "\n[restrictions]\n"
                            "mydestination = \"example.com\"\n"
                            "smtpd_relay_restrictions = \"reject_unauth_destination\"\n");
  };
  with("few.toml", "exempt_networks = [\"198.51.100.0/25\"]\nsessions = 100");
  with("more.toml", "exempt_networks = [\"198.51.100.0/24\"]");
  with("small.toml", "message_size = \"1 MiB\"");
  EXPECT_EQ(plan({"few.toml", "more.toml"}).code, 0) << plan({"few.toml", "more.toml"}).out;
  EXPECT_EQ(plan({"few.toml", "small.toml"}).code, 3);
}

}  // namespace
}  // namespace postern::app
