#include "dialect/vsl/import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "base/toml.h"
#include "dialect/vsl/import_parts.h"

namespace postern::dialect::vsl {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using vsmtp::parse_human_duration;

/// "carried: note" for a key; "" if the report does not have it.
std::string fate_of(const VsmtpImport& import, std::string_view name) {
  for (const ImportedParameter& one : import.parameters) {
    if (one.name != name) continue;
    return std::string(fate_word(one.fate)) + (one.note.empty() ? "" : ": ") + one.note;
  }
  return {};
}

/// "3:8 C012 message (label)" for each mistake.
std::vector<std::string> import_mistakes(std::string_view text) {
  std::vector<std::string> out;
  for (const ImportMistake& one : import_vsmtp(text).mistakes) {
    out.push_back(std::to_string(one.line) + ":" + std::to_string(one.column) + " " + one.code +
                  " " + one.message + " (" + one.label + ")");
  }
  return out;
}

constexpr const char* family_server = R"(version_requirement = ">=1.3.0, <2.0.0"

[server]
domain = "doe-family.com"
client_count_max = 64

[server.system]
user = "vsmtp"
group = "vsmtp"

[server.system.thread_pool]
receiver = 4
processing = 6
delivery = 6

[server.interfaces]
addr = ["192.0.2.10:25"]
addr_submission = ["192.0.2.10:587"]
addr_submissions = ["192.0.2.10:465", "[2001:db8::10]:465"]

[server.logs]
filename = "/var/log/vsmtp/vsmtp.log"
level = ["warn"]

[server.tls]
security_level = "May"
protocol_version = ["TLSv1.2", "TLSv1.3"]
certificate = "/etc/vsmtp/certs/fullchain.pem"
private_key = "/etc/vsmtp/certs/privkey.pem"
handshake_timeout = "500ms"
preempt_cipherlist = true

[server.smtp]
rcpt_count_max = 25

[server.smtp.error]
soft_count = 5
hard_count = 10
delay = "2s"

[server.smtp.timeout_client]
connect = "5m"
helo = "1m"
mail_from = "1m 30s"
rcpt_to = "1m"
data = "10m"

[server.smtp.auth]
must_be_authenticated = false
mechanism = ["PLAIN", "LOGIN", "CRAM-MD5"]
attempt_count_max = -1

[server.smtp.codes]
help = "214 ask the postmaster"

[server.queues]
dirpath = "/var/spool/vsmtp"

[server.queues.working]
channel_size = 16

[server.queues.delivery]
channel_size = 16
deferred_retry_max = 48
deferred_retry_period = "30m"

[server.dns]
type = "cloudflare"

[server.dkim]
private_key = "/etc/vsmtp/dkim/doe.pem"

[server.virtual."doe.example"]

[server.virtual."mail.example".tls]
certificate = "/etc/vsmtp/certs/mail.pem"
private_key = "/etc/vsmtp/certs/mail-key.pem"

[server.virtual."mail.example".dkim]
private_key = "/etc/vsmtp/dkim/mail.pem"

[app]
dirpath = "/var/spool/vsmtp/app"

[app.vsl]
filepath = "/etc/vsmtp/rules/main.vsl"

[app.logs]
filepath = "/var/log/vsmtp/app.log"
level = "info"
)";

TEST(VsmtpImport, AWholeFile) {
  EXPECT_EQ(import_vsmtp(family_server).toml, R"(# Made from vsmtp.toml by `postern import vsmtp`.

[server]
hostname = "doe-family.com"  # vsmtp.toml:4
threads = 4  # vsmtp.toml:12

[[listener]]
name = "smtp"
address = "192.0.2.10:25"  # vsmtp.toml:17
tls = "starttls"  # vsmtp.toml:26
certificate = "/etc/vsmtp/certs/fullchain.pem"  # vsmtp.toml:28
key = "/etc/vsmtp/certs/privkey.pem"  # vsmtp.toml:29

[[listener]]
name = "submission"
address = "192.0.2.10:587"  # vsmtp.toml:18
tls = "required"  # vsmtp.toml:26
certificate = "/etc/vsmtp/certs/fullchain.pem"  # vsmtp.toml:28
key = "/etc/vsmtp/certs/privkey.pem"  # vsmtp.toml:29

[[listener]]
name = "submissions"
address = "192.0.2.10:465"  # vsmtp.toml:19
tls = "implicit"  # vsmtp.toml:26
certificate = "/etc/vsmtp/certs/fullchain.pem"  # vsmtp.toml:28
key = "/etc/vsmtp/certs/privkey.pem"  # vsmtp.toml:29

[[listener]]
name = "submissions-2"
address = "[2001:db8::10]:465"  # vsmtp.toml:19
tls = "implicit"  # vsmtp.toml:26
certificate = "/etc/vsmtp/certs/fullchain.pem"  # vsmtp.toml:28
key = "/etc/vsmtp/certs/privkey.pem"  # vsmtp.toml:29

[limits]
sessions = 64  # vsmtp.toml:5
recipients = 25  # vsmtp.toml:34
soft_errors = 5  # vsmtp.toml:37
errors = 10  # vsmtp.toml:38
error_delay = "2s"  # vsmtp.toml:39

[timeouts]
tls_handshake = "500ms"  # vsmtp.toml:30
data_block = "10m"  # vsmtp.toml:46
command = "5m"

[queue]
first_retry = "30m"  # vsmtp.toml:65
longest_retry = "30m"  # vsmtp.toml:65
expire = "1d"  # vsmtp.toml:64

[dns]
servers = ["1.1.1.1", "1.0.0.1"]  # vsmtp.toml:68

[log]
level = "info"  # vsmtp.toml:23

[vsl]
domain = "doe-family.com"  # vsmtp.toml:4
must_be_authenticated = false  # vsmtp.toml:49
dkim_key = "/etc/vsmtp/dkim/doe.pem"  # vsmtp.toml:71
app_dir = "/var/spool/vsmtp/app"  # vsmtp.toml:83
policy = "/etc/vsmtp/rules/main.vsl"  # vsmtp.toml:86

[[vsl.virtual]]
domain = "doe.example"  # vsmtp.toml:73

[[vsl.virtual]]
domain = "mail.example"  # vsmtp.toml:75
dkim_key = "/etc/vsmtp/dkim/mail.pem"  # vsmtp.toml:80
certificate = "/etc/vsmtp/certs/mail.pem"  # vsmtp.toml:76
key = "/etc/vsmtp/certs/mail-key.pem"  # vsmtp.toml:77
)");
}

TEST(VsmtpImport, AWordOnEveryKey) {
  const VsmtpImport import = import_vsmtp(family_server);
  EXPECT_EQ(import.parameters.size(), 46U);
  EXPECT_EQ(import.parameters.front().name, "version_requirement");
  EXPECT_TRUE(std::is_sorted(import.parameters.begin(), import.parameters.end(),
                             [](const auto& a, const auto& b) { return a.line < b.line; }));
  const std::pair<std::string_view, std::string_view> wanted[] = {
      {"version_requirement", "has no meaning here: it is about vSMTP's version"},
      {"server.interfaces.addr", "carried: [[listener]]"},
      {"server.logs.level",
       "carried with a change: log.level: with \"warning\" no refusal and no delivery would be in "
       "the log"},
      {"server.logs.filename", "not supported: the log goes to standard error (docs/logs.md)"},
      {"server.smtp.auth.attempt_count_max",
       "not supported: limits.auth_failures: there is no \"unlimited\"; its default stays"},
      {"server.smtp.codes.help",
       "not supported: Postern's own replies have fixed texts; a rule's `code` object may have "
       "any"},
      {"server.queues.dirpath",
       "not supported: the queue is below server.data_dir; let vSMTP deliver the mail in its own "
       "queue"},
      {"server.virtual.\"mail.example\".dkim.private_key", "carried: vsl.virtual"},
      {"server.smtp.timeout_client.helo",
       "carried with a change: timeouts.command: one limit for all commands, the longest of these"},
  };
  for (const auto& [name, fate] : wanted) EXPECT_EQ(fate_of(import, name), fate);
  EXPECT_THAT(fate_of(import, "server.smtp.auth.mechanism"), HasSubstr("CRAM-MD5"));
  for (const ImportedParameter& one : import.parameters) {
    EXPECT_TRUE(one.fate == Fate::carried || !one.note.empty()) << one.name;
  }
  EXPECT_THAT(import.notes, Contains(HasSubstr("auth.source")));
  EXPECT_THAT(import.notes, Not(Contains(HasSubstr("is missing"))));
}

TEST(VsmtpImport, a_script_of_vsmtp_2_is_named_as_one) {
  const VsmtpImport import = import_vsmtp("fn on_config(config) {\n  config\n}\n");
  ASSERT_EQ(import.mistakes.size(), 1u);
  EXPECT_NE(import.mistakes[0].hint.find("vSMTP 2"), std::string::npos);
}

TEST(VsmtpImport, WhatTheFileLeavesOut) {
  const VsmtpImport import = import_vsmtp("");
  ASSERT_TRUE(import.ok());
  EXPECT_EQ(import.toml, R"(# Made from vsmtp.toml by `postern import vsmtp`.

[[listener]]
name = "smtp"
address = "127.0.0.1:25"
tls = "none"

[limits]
error_delay = "5s"

[vsl]
)");
  EXPECT_EQ(import.notes.size(), 5U);
  EXPECT_THAT(import.notes, Contains(HasSubstr("every connection is denied")));
}

TEST(VsmtpImport, ListenersFollowTlsAndPasswords) {
  const auto listeners = [](const std::string& more) {
    const VsmtpImport import = import_vsmtp(
        "[server.interfaces]\naddr = \"192.0.2.1:25\"\naddr_submission = [\"192.0.2.1:587\"]\n" +
        more);
    EXPECT_TRUE(import.ok());
    std::string out;
    const auto root = parse_toml(import.toml);
    if (!root) return std::string("no TOML");
    for (const toml::node& one : *(*root)["listener"].as_array()) {
      const toml::table& table = *one.as_table();
      out += table["name"].value_or(std::string()) + " " + table["tls"].value_or(std::string()) +
             (table["auth_without_tls"].value_or(false) ? " clear" : "") + "; ";
    }
    return out;
  };
  const std::string files = "[server.tls]\ncertificate = \"c\"\nprivate_key = \"k\"\n";
  EXPECT_EQ(listeners(""), "smtp none; ");
  EXPECT_EQ(listeners(files), "smtp starttls; submission required; ");
  EXPECT_EQ(listeners(files + "security_level = \"Encrypt\"\n"),
            "smtp required; submission required; ");
  EXPECT_EQ(listeners(files + "security_level = \"None\"\n"), "smtp none; submission required; ");
  const std::string clear = "[server.smtp.auth]\nenable_dangerous_mechanism_in_clair = true\n";
  EXPECT_EQ(listeners(clear), "smtp none clear; submission none clear; ");
  EXPECT_EQ(listeners(files + clear), "smtp starttls clear; submission required; ");
}

TEST(VsmtpImport, NumbersStayWithinWhatPosternTakes) {
  const VsmtpImport import = import_vsmtp(R"([server]
client_count_max = -1
[server.smtp.error]
delay = "10m"
[server.smtp]
rcpt_count_max = 99999999
[server.queues.delivery]
deferred_retry_max = 2
)");
  ASSERT_TRUE(import.ok());
  EXPECT_THAT(fate_of(import, "server.client_count_max"), HasSubstr("not supported"));
  EXPECT_EQ(fate_of(import, "server.smtp.error.delay"),
            "carried with a change: limits.error_delay: 0s to 1m");
  EXPECT_THAT(import.toml, HasSubstr("error_delay = \"1m\""));
  EXPECT_THAT(import.toml, HasSubstr("recipients = 1000000  # "));
  EXPECT_THAT(import.toml,
              HasSubstr("first_retry = \"5m\"\nlongest_retry = \"5m\"\nexpire = \"1h\""));
}

TEST(VsmtpImport, WhatIsUnknownIsReportedAndTheRestIsCarried) {
  const VsmtpImport import = import_vsmtp(
      "[server]\n"
      "domian = \"b.example\"\n"
      "domain = \"a.example\"\n"
      "[server.tsl]\n"
      "security_level = \"May\"\n"
      "[telemetry]\n"
      "on = true\n");
  ASSERT_TRUE(import.ok());
  EXPECT_EQ(fate_of(import, "server.domian"), "not supported: unknown key; did you mean `domain`?");
  EXPECT_EQ(fate_of(import, "server.tsl"), "not supported: unknown section; did you mean `tls`?");
  EXPECT_EQ(fate_of(import, "telemetry"), "not supported: vSMTP 1.3 has no such section");
  EXPECT_EQ(import.parameters.front().line, 2u);
  EXPECT_THAT(import.toml, HasSubstr("hostname = \"a.example\""));
}

TEST(VsmtpImport, MistakesAreNamedWithTheirPlace) {
  const std::pair<std::string_view, std::string_view> wanted[] = {
      {"[server]\ndomain = 5\n", "2:10 C013 `server.domain` wants text (text)"},
      {"server = 5\n", "1:1 C013 `server` is a section (not a section)"},
      {"[server.smtp]\nrcpt_count_max = \"9\"\n",
       "2:18 C013 `server.smtp.rcpt_count_max` wants a number (a number)"},
      {"[server.interfaces]\naddr = [\"192.0.2.1\"]\n",
       "2:8 C017 this is not a value of `server.interfaces.addr` (it takes addresses with ports: "
       "\"192.0.2.1:25\", \"[2001:db8::1]:25\")"},
      {"[server.tls]\nsecurity_level = \"may\"\n",
       "2:18 C017 this is not a value of `server.tls.security_level` (it takes \"None\", \"May\" "
       "or "
       "\"Encrypt\")"},
      {"[server.tls]\nhandshake_timeout = \"soon\"\n",
       "2:21 C014 `server.tls.handshake_timeout` is a time (not a time)"},
  };
  for (const auto& [text, mistake] : wanted) {
    EXPECT_THAT(import_mistakes(text), ::testing::ElementsAre(mistake)) << text;
  }
  const VsmtpImport import = import_vsmtp("server = 1\napp = 2\n");
  EXPECT_EQ(import.mistakes.size(), 2U) << "all are told at once";
  EXPECT_THAT(import.toml, IsEmpty());
  EXPECT_EQ(import.mistakes.front().end_column, 7U) << "the whole name";
  EXPECT_EQ(import_vsmtp("a = \n").mistakes.front().code, "C001");
}

TEST(VsmtpImport, ForeignTextStaysText) {
  const VsmtpImport import = import_vsmtp(
      "[server]\ndomain = \"a\\\"\\n[api]\\u0000\"\n[server.virtual.\"x\\n[api]\"]\n"
      "[app.vsl]\nfilepath = 'C:\\rules'\n");
  ASSERT_TRUE(import.ok());
  const auto root = parse_toml(import.toml);
  ASSERT_TRUE(root) << import.toml;
  EXPECT_EQ(root->at_path("vsl.domain").value_or(std::string()), std::string("a\"\n[api]\0", 9));
  EXPECT_FALSE(root->contains("api"));
  EXPECT_EQ((*root)["vsl"]["policy"].value_or(std::string()), "C:\\rules");
  EXPECT_EQ((*root)["vsl"]["virtual"][0]["domain"].value_or(std::string()), "x\n[api]");
}

TEST(VsmtpImport, DurationsAsVsmtpReadsThem) {
  const std::pair<std::string_view, std::int64_t> right[] = {
      {"5m", 300'000},           {"200ms", 200}, {"1h 30m", 5'400'000},  {"1h30m", 5'400'000},
      {" 2 days ", 172'800'000}, {"0s", 0},      {"1 week", 604'800'000}};
  for (const auto& [text, milliseconds] : right) {
    const auto parsed = parse_human_duration(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(parsed->count(), milliseconds) << text;
  }
  for (const std::string_view text : {"", " ", "5", "m", "5 parsecs", "-5m", "1.5h",
                                      "99999999999999s", "4000 days", "9999 days 9999 days"}) {
    EXPECT_FALSE(parse_human_duration(text)) << text;
  }
}

}  // namespace
}  // namespace postern::dialect::vsl
