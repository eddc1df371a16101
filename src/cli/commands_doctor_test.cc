#include "cli/commands_mail_test.h"

namespace postern::app {
namespace {

using testing::HasSubstr;
using testing::Not;

class Doctor : public testing_mail::MailCommands {
 protected:
  Answer doctor(std::vector<std::string> words, const std::string& input = "") {
    words.insert(words.begin(), "doctor");
    return run(run_doctor, words, input);
  }
};

TEST_F(Doctor, refuses_what_makes_no_sense) {
  const Answer unknown = doctor({"--check", "mxx"});
  EXPECT_EQ(unknown.code, 64);
  EXPECT_THAT(unknown.err, HasSubstr("there is no check `mxx`; did you mean `mx`?"));
  EXPECT_EQ(doctor({"--offline", "--outgoing", "mx.example.net"}).code, 64);
  EXPECT_EQ(doctor({"--check", "outgoing"}).code, 64);
  EXPECT_EQ(doctor({"--domain", "a..b"}).code, 64);
  EXPECT_EQ(doctor({"--address", "192.0.2"}).code, 64);
}

TEST_F(Doctor, looks_at_what_is_named_alone) {
  const std::string zone = "example.org. IN MX 10 mx.example.org.\n";
  folder_.write("p.toml", "[server]\nhostname = \"mx.example.org\"\n");
  const Answer one = doctor(
      {"--config", "p.toml", "--check", "mx", "--dns", "-", "--domain", "Example.ORG"}, zone);
  EXPECT_EQ(one.code, 0) << one.err;
  EXPECT_EQ(one.out, "ok    mx           mail for example.org comes to mx.example.org\n");
  EXPECT_EQ(doctor({"--check", "mx", "--check", "ptr", "--dns", "none"}).code, 66);
}

TEST_F(Doctor, knows_the_domains_of_restriction_lists) {
  const std::string zone = "example.org. IN MX 10 mx.example.org.\n";
  folder_.write("p.toml",
                "[server]\nhostname = \"mx.example.org\"\n[restrictions]\nrelay_domains = "
                "\"example.org\"\nmydestination = \"$myhostname, localhost\"\n");
  const Answer one = doctor({"--config", "p.toml", "--check", "mx", "--dns", "-"}, zone);
  EXPECT_EQ(one.out, "ok    mx           mail for example.org comes to mx.example.org\n");
}

TEST_F(Doctor, a_configuration_with_a_mistake_is_a_finding) {
  folder_.write("p.toml", "[server]\nhostnam = \"mx.example.org\"\n");
  const Answer answer = doctor({"--config", "p.toml", "--offline", "--json"});
  EXPECT_EQ(answer.code, 1);
  EXPECT_THAT(answer.out, HasSubstr("unknown key"));
  EXPECT_EQ(answer.err, "");
}

TEST_F(Doctor, makes_nothing) {
  EXPECT_EQ(doctor({"--offline"}).code, 1);
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

TEST_F(Doctor, quiet_shows_what_fails) {
  const Answer answer = doctor({"--offline", "--quiet"});
  EXPECT_THAT(answer.out, HasSubstr("fail  data-dir"));
  EXPECT_THAT(answer.out, Not(HasSubstr("ok    ")));
}

TEST_F(Doctor, ready_needs_a_gateway) {
  std::filesystem::create_directory("data");
  EXPECT_EQ(doctor({"--ready", "--data-dir", "data"}).code, 69);
  EXPECT_TRUE(std::filesystem::is_empty("data"));
}

}  // namespace
}  // namespace postern::app
