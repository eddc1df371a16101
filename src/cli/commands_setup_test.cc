#include "cli/commands_setup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>

#include <sys/stat.h>
#include <boost/json.hpp>

#include "base/temporary_folder_test.h"
#include "cli/answer_test.h"
#include "config/schema.h"

namespace postern::app {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class SetupCommand : public ::testing::Test {
 protected:
  std::string config() const { return folder_.file("etc/postern.toml"); }
  std::string report() const { return folder_.file("etc/setup-report.txt"); }

  /// Runs `postern setup`; `typed`: on a terminal.
  Answer run(std::vector<std::string> words, const std::string& typed = "", bool terminal = false) {
    std::filesystem::create_directories(folder_.file("etc"));
    words.insert(words.begin(), "setup");
    words.insert(words.end(), {"--config", config(), "--address", "203.0.113.25", "--offline"});
    const auto parsed = parse_command_line(words);
    const auto* error = std::get_if<UsageError>(&parsed);
    if (error != nullptr) return {64, "", error->message};
    return answer_of(run_setup, std::get<Arguments>(parsed), typed, terminal);
  }

  std::size_t files() const {
    const std::filesystem::recursive_directory_iterator begin(folder_.file("etc"));
    return static_cast<std::size_t>(std::distance(begin, {}));
  }

  const tests::TemporaryFolder folder_;
};

const std::vector<std::string> relayed{"--hostname",  "mx.example.org", "--domain",
                                       "example.org", "--relay",        "mail.example.net"};

TEST_F(SetupCommand, without_a_terminal_names_the_option_that_is_missing) {
  const struct {
    std::vector<std::string> words;
    std::string missing;
  } cases[] = {
      {{}, "--hostname is missing"},
      {{"--hostname", "mx.example.org"}, "--domain is missing"},
      {{"--hostname", "mx.example.org", "--domain", "example.org"},
       "--relay, --webhook or --inbox is missing"},
      {{"--hostname", "mx.example.org", "--domain", "example.org", "--inbox", "--tls", "files"},
       "--certificate is missing"},
      {{"--hostname", "mx.example.org", "--domain", "example.org", "--inbox", "--tls", "proxy"},
       "--proxy-from is missing"},
      {{"--hostname", "mx.example.org", "--domain", "example.org", "--inbox", "--relay",
        "a.example"},
       "exclude each other"},
      {{"--hostname", "mx.example.org", "--domain", "example.org", "--inbox", "--tls", "none"},
       "`none` is not acme, files or proxy"},
      {{"--hostname", "mx.example.org", "--domain", "example.org", "--inbox", "--key", "/k"},
       "--key needs --tls files"},
      {{"--hostname", "mx", "--domain", "example.org", "--inbox"}, "--hostname: `mx` is not"},
  };
  for (const auto& [words, missing] : cases) {
    // Standard input that is not a terminal is not read.
    const Answer answer = run(words, "mx.example.org\nexample.org\ninbox\n");
    EXPECT_EQ(answer.code, 64) << missing;
    EXPECT_THAT(answer.err, HasSubstr(missing));
    EXPECT_EQ(files(), 0u);
  }
}

TEST_F(SetupCommand, writes_configuration_report_and_key) {
  const Answer answer = run(relayed);
  ASSERT_EQ(answer.code, 0) << answer.err;
  EXPECT_THAT(tests::read_file(config()), HasSubstr("relay_domains = \"example.org\""));
  const std::string text = tests::read_file(report());
  EXPECT_THAT(answer.out, ::testing::StartsWith(text));
  for (const char* check : {" ports ", " disk ", " clock "}) {
    EXPECT_THAT(answer.out, HasSubstr(check)) << "of this machine";
    EXPECT_THAT(text, Not(HasSubstr(check))) << "of a moment";
  }
  EXPECT_THAT(text, AllOf(HasSubstr("._domainkey.example.org. IN TXT"), Not(HasSubstr("PRIVATE"))));
  std::size_t keys = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_.file("etc/credentials"))) {
    ++keys;
    struct stat about{};
    ASSERT_EQ(::stat(entry.path().c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 07777, 0600u);
  }
  EXPECT_EQ(keys, 1u);
  struct stat about{};
  ASSERT_EQ(::stat(folder_.file("etc/credentials").c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 07777, 0700u);

  // Again: the same key, and nothing is written over.
  const Answer again = run(relayed);
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(tests::read_file(report()), text);
}

TEST_F(SetupCommand, with_submission_makes_the_file_of_users_and_keeps_it) {
  std::vector<std::string> words = relayed;
  words.emplace_back("--submission");
  ASSERT_EQ(run(words).code, 0);
  const std::string users = folder_.file("etc/credentials/users");
  EXPECT_THAT(tests::read_file(config()), HasSubstr("file = \"" + users + "\""));
  EXPECT_THAT(tests::read_file(report()), HasSubstr("htpasswd -B -C 12 " + users + " NAME@DOMAIN"));
  struct stat about{};
  ASSERT_EQ(::stat(users.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 07777, 0600u);
  const std::string line =
      "ann@example.org:$2y$12$MhtsZHdeOBMd7IOgw8.Nge1oKkL/7uE.qJSSuYqP3hhzqR148npU2\n";
  std::ofstream(users) << line;
  EXPECT_EQ(run(words).code, 0);
  EXPECT_EQ(tests::read_file(users), line);
}

TEST_F(SetupCommand, in_another_month_uses_the_key_that_is_there) {
  ASSERT_EQ(run(relayed).code, 0);
  const std::string folder = folder_.file("etc/credentials");
  const auto made = std::filesystem::directory_iterator(folder)->path();
  std::filesystem::rename(made, folder + "/s202001.example.org.pem");
  // Neither a key of setup for the domain.
  std::ofstream(folder + "/mx.example.org.pem") << "a certificate";
  std::ofstream(folder + "/s202002.sub.example.org.pem") << "a key of another domain";
  std::vector<std::string> words = relayed;
  words.emplace_back("--json");
  const Answer again = run(words);
  ASSERT_EQ(again.code, 0) << again.err;
  const auto keys = boost::json::parse(again.out).as_object().at("keys").as_array();
  ASSERT_EQ(keys.size(), 1u);
  EXPECT_EQ(keys[0].at("selector"), "s202001");
  EXPECT_FALSE(std::filesystem::exists(made));
}

TEST_F(SetupCommand, shows_how_a_file_that_is_there_differs) {
  ASSERT_EQ(run(relayed).code, 0);
  const std::string before = tests::read_file(config());
  const std::size_t count = files();
  std::vector<std::string> other = relayed;
  other.back() = "elsewhere.example.net";
  const Answer answer = run(other);
  EXPECT_EQ(answer.code, 73);
  EXPECT_THAT(answer.out, AllOf(HasSubstr("\n-to = [\"mail.example.net\"]\n"),
                                HasSubstr("\n+to = [\"elsewhere.example.net\"]\n")));
  EXPECT_THAT(answer.err, HasSubstr("exists already; it is not overwritten"));
  EXPECT_EQ(tests::read_file(config()), before);
  EXPECT_EQ(files(), count);

  other.emplace_back("--json");
  const Answer in_json = run(other);
  EXPECT_EQ(in_json.code, 73);
  EXPECT_THAT(boost::json::parse(in_json.out).at("difference").as_string().c_str(),
              HasSubstr("elsewhere.example.net"));
}

TEST_F(SetupCommand, replaces_the_example_of_the_package) {
  std::filesystem::create_directories(folder_.file("etc"));
  std::ofstream(config()) << example_config();
  EXPECT_EQ(run(relayed).code, 0);
  EXPECT_THAT(tests::read_file(config()), HasSubstr("relay_domains"));
}

TEST_F(SetupCommand, a_dry_run_prints_and_writes_nothing) {
  std::vector<std::string> words = relayed;
  words.emplace_back("--dry-run");
  const Answer answer = run(words);
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_THAT(answer.out, AllOf(HasSubstr("[restrictions]"), HasSubstr("IN MX 10 mx.example.org."),
                                HasSubstr("A dry run makes no DKIM key")));
  EXPECT_EQ(files(), 0u);
}

TEST_F(SetupCommand, what_is_not_proved_is_not_put_in_place) {
  // A mail loop: the next hop is the gateway.
  const Answer answer =
      run({"--hostname", "mx.example.org", "--domain", "example.org", "--relay", "mx.example.org"});
  EXPECT_EQ(answer.code, 78);
  EXPECT_THAT(answer.err, AllOf(HasSubstr("C051"), HasSubstr("nothing was written")));
  EXPECT_EQ(files(), 0u);
}

TEST_F(SetupCommand, a_certificate_that_cannot_be_read_is_refused) {
  const Answer answer =
      run({"--hostname", "mx.example.org", "--domain", "example.org", "--inbox", "--tls", "files",
           "--certificate", "/nonexistent/c.pem", "--key", "/nonexistent/k.pem"});
  EXPECT_EQ(answer.code, 78);
  EXPECT_THAT(answer.err, HasSubstr("T001"));
  EXPECT_EQ(files(), 0u);
}

TEST_F(SetupCommand, asks_on_a_terminal_until_it_has_an_answer) {
  const Answer answer =
      run({}, "mx\nmx.example.org\n\nrelay\ndiscard\nmail.example.net\ny\n", true);
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_THAT(answer.err, AllOf(HasSubstr("`mx` is not a domain name"),
                                HasSubstr("Domains whose mail it accepts [example.org]: "),
                                HasSubstr("`discard` is not a host"), HasSubstr("Write this to")));
  EXPECT_THAT(tests::read_file(config()), HasSubstr("to = [\"mail.example.net\"]"));
}

TEST_F(SetupCommand, a_no_or_the_end_of_input_writes_nothing) {
  EXPECT_EQ(run(relayed, "no\n", true).code, 73);
  EXPECT_EQ(run(relayed, "", true).code, 73);
  EXPECT_EQ(run({}, "mx.example.org\n", true).code, 64);
  EXPECT_EQ(files(), 0u);
}

TEST_F(SetupCommand, only_a_yes_or_an_empty_line_is_a_yes) {
  for (const char* other : {"q\n", "what?\n", "yesterday\n", "N\n"}) {
    EXPECT_EQ(run(relayed, other, true).code, 73) << other;
    EXPECT_EQ(files(), 0u) << other;
  }
  for (const char* yes : {"\n", "Y\n", " yes \n"}) {
    EXPECT_EQ(run(relayed, yes, true).code, 0) << yes;
    std::filesystem::remove_all(folder_.file("etc"));
  }
}

TEST_F(SetupCommand, with_yes_asks_nothing) {
  std::vector<std::string> words = relayed;
  words.emplace_back("--yes");
  EXPECT_EQ(run(words, "", true).code, 0);
  const Answer missing = run({"--yes"}, "mx.example.org\n", true);
  EXPECT_EQ(missing.code, 64);
  EXPECT_THAT(missing.err, HasSubstr("--hostname is missing"));
}

TEST_F(SetupCommand, answers_in_json) {
  std::vector<std::string> words = relayed;
  words.emplace_back("--json");
  const Answer answer = run(words);
  ASSERT_EQ(answer.code, 0) << answer.err;
  const auto object = boost::json::parse(answer.out).as_object();
  EXPECT_EQ(object.at("written"), true);
  EXPECT_EQ(object.at("file").as_string(), config());
  EXPECT_EQ(object.at("ports"), (boost::json::array{25}));
  EXPECT_EQ(object.at("records").as_array().front().at("type"), "A");
  EXPECT_EQ(object.at("dialogue").as_array().size(), 2u);
  EXPECT_THAT(boost::json::serialize(object.at("machine")), HasSubstr("\"check\":\"ports\""));
}

TEST_F(SetupCommand, does_not_write_to_standard_output) {
  const auto parsed = parse_command_line({"setup", "--config", "-", "--inbox"});
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  Streams streams{in, out, err};
  EXPECT_EQ(run_setup(std::get<Arguments>(parsed), streams), 64);
}

}  // namespace
}  // namespace postern::app
