#include "cli/commands_import.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>

#include "base/growth_test.h"
#include "cli/commands_mail_test.h"
#include "config/config.h"
#include "config/input_file.h"

namespace postern::app {
namespace {

using namespace testing_mail;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
namespace json = boost::json;

constexpr const char* main_cf = R"(compatibility_level = 3.6
myhostname = mx.example.com
mynetworks = 127.0.0.0/8, 192.0.2.0/24
local_recipient_maps =
message_size_limit = 52428800
smtpd_recipient_restrictions =
    permit_mynetworks
    reject_unauth_destination
smtpd_milters = inet:127.0.0.1:8891
maillog_file = /var/log/mail.log
)";

class Import : public MailCommands {
 protected:
  void SetUp() override {
    MailCommands::SetUp();
    folder_.write("main.cf", main_cf);
  }
  static Answer import(std::vector<std::string> more, const std::string& input = "",
                       bool terminal = false) {
    more.insert(more.begin(), {"import", "postfix"});
    return run(run_import_postfix, more, input, terminal);
  }
};

TEST_F(Import, FileAndReport) {
  const Answer answer = import({"main.cf", "--out", "postern.toml"});
  EXPECT_EQ(answer.code, 0);
  EXPECT_THAT(answer.out, IsEmpty());
  EXPECT_THAT(answer.err, HasSubstr("main.cf: 8 parameters: 6 carried, 1 not supported, 1 has no "
                                    "meaning here\n"));
  EXPECT_THAT(answer.err, HasSubstr("\nnot supported (line:name)\n  9:smtpd_milters: no milters"));
  EXPECT_THAT(answer.err, HasSubstr("Next: postern check --config postern.toml"));
  EXPECT_THAT(tests::read_file("postern.toml"),
              HasSubstr("[restrictions]\ncompatibility_level = \"3.6\""));
  const ConfigResult loaded = load_config(std::filesystem::path("postern.toml"));
  EXPECT_EQ(loaded.diagnostics.errors(), 0U) << loaded.diagnostics.render();
  EXPECT_EQ(loaded.config.server.hostname, "mx.example.com");
  EXPECT_EQ(loaded.config.limits.session.message_size, 52428800U);
}

TEST_F(Import, DevicesAndPipesThatTheFileNamesAreNotRead) {
  ASSERT_EQ(::mkfifo("pipe", 0600), 0);
  folder_.write("odd.cf",
                "compatibility_level = 3.6\ntransport_maps = texthash:/dev/zero\n"
                "relay_domains = pipe\nmydestination = /dev/zero\nmyorigin = /dev/urandom\n"
                "smtpd_recipient_restrictions = check_client_access texthash:pipe, "
                "reject_unauth_destination\n");
  EXPECT_THAT(import({"odd.cf"}).err, HasSubstr("/dev/urandom could not be read"));
}

TEST_F(Import, AFileThatIsTooLargeIsRefused) {
  std::ofstream("large.cf") << "a = b\n";
  std::filesystem::resize_file("large.cf", largest_import + 1);
  for (const char* name : {"large.cf", "/dev/zero"}) {
    const Answer answer = import({name});
    EXPECT_NE(answer.code, 0) << name;
    EXPECT_THAT(answer.err, HasSubstr("has more than 67108864 octets")) << name;
  }
}

/// The texts that `make` returns for 0, 1, ... `count` - 1.
template <class Make>
std::string repeated(std::size_t count, Make make) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += make(i);
  return text;
}

TEST_F(Import, TakesTimeThatGrowsWithTheFile) {
  struct Case {
    const char* name;
    std::function<std::string(std::size_t)> file;
  };
  const Case cases[] = {
      {"parameters of one's own",
       [](std::size_t n) {
         return repeated(n, [](std::size_t i) { return fmt::format("p{} = $p{} x\n", i, i + 7); });
       }},
      {"one parameter that refers to many",
       [](std::size_t n) {
         return "a = " + repeated(n, [](std::size_t i) { return fmt::format(" $p{}", i); }) + "\n";
       }},
      {"equal words on lines of their own",
       [](std::size_t n) {
         return "mydestination = a\n" + repeated(n, [](std::size_t) { return " b\n"; });
       }},
      {"checks of one table",
       [](std::size_t n) {
         return "smtpd_recipient_restrictions = " +
                repeated(n, [](std::size_t) { return "check_client_access hash:/x, "; }) +
                "reject_unauth_destination\n";
       }},
      {"checks of tables that are not here",
       [](std::size_t n) {
         return "smtpd_recipient_restrictions = " +
                repeated(n,
                         [](std::size_t i) {
                           return fmt::format("check_client_access texthash:/no/{}, ", i);
                         }) +
                "reject_unauth_destination\n";
       }},
      {"unknown words",
       [](std::size_t n) {
         return "smtpd_recipient_restrictions = " +
                repeated(n, [](std::size_t) { return "rejct_sender_domain, "; }) +
                "reject_unauth_destination\n";
       }},
      {"permits",
       [](std::size_t n) {
         return "smtpd_recipient_restrictions = " +
                repeated(n, [](std::size_t) { return "permit, "; }) + "reject_unauth_destination\n";
       }},
  };
  for (const Case& one : cases) {
    const auto work = [&](std::size_t count) {
      folder_.write("growing.cf", one.file(count));
      import({"growing.cf"});
    };
    EXPECT_LT(tests::growth(2000, work), 9) << one.name;
  }
}

TEST_F(Import, NothingIsOverwritten) {
  folder_.write("postern.toml", "mine");
  const Answer answer = import({"main.cf", "--out", "postern.toml"});
  EXPECT_EQ(answer.code, 73);
  EXPECT_THAT(answer.err, HasSubstr("postern.toml exists already"));
  EXPECT_EQ(tests::read_file("postern.toml"), "mine");
  EXPECT_EQ(import({"main.cf", "--out", "no/such/folder"}).code, 73);
}

TEST_F(Import, PasswordsOfARunThatFailsAreTakenAway) {
  folder_.write(
      "with.cf",
      "compatibility_level = 3.6\ntransport_maps = texthash:hops\nsmtp_sasl_auth_enable = yes\n"
      "smtp_sasl_password_maps = texthash:passwords\n");
  folder_.write("hops", "a.example smtp:[one.example]\nb.example smtp:[two.example]\n");
  folder_.write("passwords", "[one.example] a:1\n[two.example] b:2\n");
  folder_.write("two.example.password", "mine");
  EXPECT_EQ(import({"with.cf", "--out", "new.toml"}).code, 73);
  EXPECT_FALSE(std::filesystem::exists("one.example.password"));
  EXPECT_FALSE(std::filesystem::exists("new.toml"));
  EXPECT_EQ(tests::read_file("two.example.password"), "mine");
  std::filesystem::remove("two.example.password");
  EXPECT_EQ(import({"with.cf", "--out", "new.toml"}).code, 0);
  EXPECT_EQ(tests::read_file("one.example.password"), "1\n");
  EXPECT_EQ(tests::read_file("two.example.password"), "2\n");
}

TEST_F(Import, AMasterBesideItIsLookedAt) {
  EXPECT_THAT(import({"main.cf"}).err, HasSubstr("master.cf is not read"));
  folder_.write("master.cf", "465 inet n - y - - smtpd -o smtpd_tls_wrappermode=yes\n");
  EXPECT_THAT(import({"main.cf"}).err,
              HasSubstr("master.cf line 1: 465 inet (smtpd) is a [[listener]]"));
  EXPECT_THAT(import({}, main_cf).err, HasSubstr("master.cf is not read"));
}

TEST_F(Import, AFolderIsNoFile) {
  const Answer answer = import({"."});
  EXPECT_EQ(answer.code, 66);
  EXPECT_THAT(answer.err, HasSubstr("cannot read ."));
}

TEST_F(Import, StandardInputAndOutput) {
  const Answer answer = import({"--quiet"}, main_cf);
  EXPECT_EQ(answer.code, 0);
  EXPECT_THAT(answer.err, IsEmpty());
  EXPECT_EQ(answer.out, import({"main.cf"}).out);
  EXPECT_EQ(answer.out, import({"-", "--out", "-"}, main_cf).out);
  EXPECT_EQ(import({}, "", true).code, 64) << "nobody types a main.cf";
}

TEST_F(Import, Json) {
  const json::value report = json::parse(import({"main.cf", "--json"}).out);
  EXPECT_EQ(report.at("counts").at("carried").as_int64(), 6);
  EXPECT_EQ(report.at("counts").at("carried_with_change").as_int64(), 0);
  EXPECT_EQ(report.at("parameters").as_array().size(), 8U);
  EXPECT_EQ(report.at("parameters").at(7).at("fate").as_string(), "no_meaning");
  EXPECT_EQ(report.at("parameters").at(7).at("line").as_int64(), 10);
  EXPECT_EQ(report.at("toml").as_string(), import({"main.cf", "--quiet"}).out);
  const json::value to_file = json::parse(import({"main.cf", "--json", "--out", "new"}).out);
  EXPECT_EQ(to_file.at("out").as_string(), "new");
  EXPECT_FALSE(to_file.as_object().contains("toml"));
}

TEST_F(Import, Mistakes) {
  const Answer answer = import({"-"}, "a = 1\nsmtpd_helo_required\n= x\n");
  EXPECT_EQ(answer.code, 65);
  EXPECT_THAT(answer.out, IsEmpty());
  EXPECT_THAT(answer.err, HasSubstr("main.cf: line 2 is not"));
  EXPECT_THAT(answer.err, HasSubstr("line 3"));
  EXPECT_EQ(import({"missing.cf"}).code, 66);
}

constexpr const char* vsmtp_toml = R"([server]
domain = "doe.example"
client_count_max = -1

[server.interfaces]
addr = ["127.0.0.1:10025"]
addr_submissions = ["127.0.0.1:10465"]

[server.tls]
certificate = "chain.pem"
private_key = "key.pem"

[server.virtual."two.example"]

[app.vsl]
filepath = "rules/main.vsl"
)";

class ImportVsmtp : public MailCommands {
 protected:
  static Answer import(std::vector<std::string> more, const std::string& input = "",
                       bool terminal = false) {
    more.insert(more.begin(), {"import", "vsmtp"});
    return run(run_import_vsmtp, more, input, terminal);
  }
};

TEST_F(ImportVsmtp, FileAndReport) {
  folder_.write("vsmtp.toml", vsmtp_toml);
  const Answer answer = import({"vsmtp.toml", "--out", "postern.toml"});
  EXPECT_EQ(answer.code, 0);
  EXPECT_THAT(answer.err, HasSubstr("vsmtp.toml: 7 parameters: 5 carried, 1 carried with a change, "
                                    "1 not supported\n"));
  EXPECT_THAT(answer.err, HasSubstr("\nnot supported (line:name)\n  3:server.client_count_max: "));
  EXPECT_THAT(answer.err, HasSubstr("Next: postern check --config postern.toml"));
  LoadOptions options;
  options.read_files = false;
  const ConfigResult loaded =
      parse_config(tests::read_file("postern.toml"), "postern.toml", options);
  EXPECT_EQ(loaded.diagnostics.errors(), 0U) << loaded.diagnostics.render();
  EXPECT_EQ(loaded.config.listeners.size(), 2U);
  EXPECT_EQ(loaded.config.vsl.policy, "rules/main.vsl");
  EXPECT_EQ(loaded.config.vsl.virtual_domains.size(), 1U);
  EXPECT_EQ(import({"vsmtp.toml", "--out", "postern.toml"}).code, 73) << "nothing is overwritten";
}

TEST_F(ImportVsmtp, StandardInputAndJson) {
  EXPECT_EQ(import({"--quiet"}, vsmtp_toml).out, import({"-"}, vsmtp_toml).out);
  EXPECT_EQ(import({}, "", true).code, 64) << "nobody types a vsmtp.toml";
  const json::value report = json::parse(import({"--json"}, vsmtp_toml).out);
  EXPECT_EQ(report.at("file").as_string(), "vsmtp.toml");
  EXPECT_EQ(report.at("parameters").at(0).at("name").as_string(), "server.domain");
}

TEST_F(ImportVsmtp, MistakesShowTheirLine) {
  const Answer answer = import({"-"}, "[server]\ndomain = 5\n");
  EXPECT_EQ(answer.code, 65);
  EXPECT_THAT(answer.out, IsEmpty());
  EXPECT_THAT(answer.err,
              HasSubstr("error[C013]: `server.domain` wants text\n --> vsmtp.toml:2:10\n"));
  EXPECT_THAT(import({"--json"}, "server = 1").out, HasSubstr("\"code\":\"C013\""));
  EXPECT_EQ(import({"missing.toml"}).code, 66);
}

}  // namespace
}  // namespace postern::app
