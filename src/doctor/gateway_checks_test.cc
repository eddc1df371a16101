#include "doctor/gateway_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/temporary_folder_test.h"
#include "doctor/levels_test.h"
#include "net/tls.h"

namespace postern::doctor {
namespace {

using testing::HasSubstr;

TEST(GatewayChecksTest, Configuration) {
  app::Diagnostics diagnostics;
  EXPECT_EQ(levels(check_configuration(diagnostics, "p.toml")), "ok ");
  diagnostics.add(
      {.severity = app::Severity::warning, .code = "T004", .file = "p.toml", .message = "old"});
  EXPECT_EQ(levels(check_configuration(diagnostics, "p.toml")), "ok ");
  diagnostics.add(
      {.severity = app::Severity::warning, .code = "T004", .file = "init.lua", .message = "old"});
  EXPECT_EQ(levels(check_configuration(diagnostics, "p.toml")), "warn ") << "a policy's text";
  diagnostics.add({.severity = app::Severity::warning, .code = "C010", .message = "odd"});
  diagnostics.add({.code = "C012", .message = "unknown key", .hint = "rename it"});
  const Findings found = check_configuration(diagnostics, "p.toml");
  EXPECT_EQ(levels(found), "warn warn fail ");
  EXPECT_EQ(found.back().to_do, "rename it");
}

constexpr Instant now{std::chrono::days(20'000)};

CertificateFile certificate(int days_left) {
  return {.file = "a.pem",
          .facts = {.names = {"mx.example.org"},
                    .not_before = now - std::chrono::days(1),
                    .not_after = now + std::chrono::days(days_left)},
          .host = "mx.example.org",
          .matches = true};
}

Findings judge(const CertificateFile& file, const std::vector<std::string>& refused = {}) {
  return check_certificates({file}, refused, now);
}

TEST(GatewayChecksTest, DaysOfACertificate) {
  EXPECT_EQ(levels(judge(certificate(21))), "ok ");
  EXPECT_EQ(levels(judge(certificate(20))), "warn ");
  EXPECT_EQ(levels(judge(certificate(7))), "warn ");
  EXPECT_EQ(levels(judge(certificate(6))), "fail ");
  EXPECT_EQ(levels(judge(certificate(-1))), "fail ");
  CertificateFile installed = certificate(20);
  EXPECT_THAT(judge(installed).front().to_do, HasSubstr("replace the files"));
  installed.origin = app::CertificateOrigin::installed;
  EXPECT_THAT(judge(installed).front().to_do, HasSubstr("postern tls install"));
  CertificateFile early = certificate(30);
  early.facts.not_before = now + std::chrono::days(1);
  EXPECT_EQ(levels(judge(early)), "fail ");
}

TEST(GatewayChecksTest, ARenewalWhoseHookDidNotRun) {
  CertificateFile renewed = certificate(90);
  renewed.file = "/etc/letsencrypt/live/mx.example.org/fullchain.pem";
  renewed.facts.sha256 = "b";
  const CertificateFile used = certificate(20);
  EXPECT_EQ(levels(check_renewed({used}, std::nullopt)), "");
  const Findings found = check_renewed({used}, renewed);
  EXPECT_EQ(levels(found), "warn ");
  EXPECT_THAT(found.front().to_do, HasSubstr("copy it to a.pem"));
  CertificateFile made = certificate(3650);
  made.self_signed = true;
  made.origin = app::CertificateOrigin::self_made;
  EXPECT_EQ(check_renewed({made}, renewed).front().to_do,
            "postern tls install /etc/letsencrypt/live/mx.example.org/fullchain.pem "
            "/etc/letsencrypt/live/mx.example.org/privkey.pem")
      << "no hook is installed with this program";
  EXPECT_EQ(levels(check_renewed({renewed}, renewed)), "");
  EXPECT_EQ(levels(check_renewed({certificate(91)}, renewed)), "") << "another client's, and newer";
}

TEST(GatewayChecksTest, NameAndChainOfACertificate) {
  CertificateFile facts = certificate(90);
  facts.matches = false;
  EXPECT_EQ(levels(judge(facts)), "warn ");
  facts = certificate(90);
  facts.chain_trouble = "unable to get local issuer certificate";
  EXPECT_EQ(levels(judge(facts)), "warn ");
  facts.self_signed = true;
  EXPECT_EQ(levels(judge(facts)), "note ok ");
  facts.trouble = "cannot be read";
  EXPECT_EQ(levels(judge(facts)), "note ");
  EXPECT_EQ(levels(check_certificates({}, {}, now)), "note ");
}

TEST(GatewayChecksTest, APairThatTheGatewayRefused) {
  const Findings found = judge(certificate(90), {"smtp: the key does not match"});
  EXPECT_EQ(levels(found), "fail ok ");
  EXPECT_THAT(found.front().what, HasSubstr("smtp: the key does not match"));
}

TEST(GatewayChecksTest, OneBadCertificateDoesNotHideAGoodOne) {
  EXPECT_EQ(levels(check_certificates({certificate(-1), certificate(90)}, {}, now)), "fail ok ");
}

TEST(GatewayChecksTest, CertificateIsReadAsItIs) {
  const tests::TemporaryFolder folder;
  const std::string file = folder.file("c.pem");
  ASSERT_TRUE(net::ensure_self_signed(file, folder.file("k.pem"), "mx.example.org"));
  const CertificateFile facts =
      look_at_certificate(file, "mx.example.org", app::CertificateOrigin::files);
  EXPECT_EQ(facts.trouble, "");
  EXPECT_TRUE(facts.matches);
  EXPECT_TRUE(facts.self_signed);
  EXPECT_NE(facts.chain_trouble, "");
  EXPECT_EQ(facts.facts.tlsa.size(), 6u + 64u);
  EXPECT_GT(facts.facts.not_after, facts.facts.not_before);
  EXPECT_FALSE(
      look_at_certificate(file, "other.example.org", app::CertificateOrigin::files).matches);
  EXPECT_NE(look_at_certificate(folder.file("none"), "x", app::CertificateOrigin::files).trouble,
            "");
  folder.write("c.pem", "no certificate");
  EXPECT_NE(look_at_certificate(file, "x", app::CertificateOrigin::files).trouble, "");
}

TEST(GatewayChecksTest, Relay) {
  EXPECT_EQ(levels(check_relay(std::nullopt, true)), "ok ");
  EXPECT_EQ(levels(check_relay("a dialogue", true)), "fail ");
  EXPECT_EQ(levels(check_relay(std::nullopt, false)), "note ");
}

TEST(GatewayChecksTest, Server) {
  ServerFacts facts{.answers = true, .version = "1 (a)", .sandbox = "landlock 7, seccomp"};
  EXPECT_EQ(levels(check_server(facts)), "ok ");
  EXPECT_EQ(levels(check_version(facts, "1 (a)")), "ok ");
  EXPECT_EQ(levels(check_version(facts, "1 (b)")), "warn ");
  EXPECT_EQ(levels(check_sandbox(facts, {})), "ok ");
  facts.sandbox = "seccomp";
  EXPECT_EQ(levels(check_sandbox(facts, {})), "warn ");
  EXPECT_EQ(levels(check_sandbox(facts, {.programs = true})), "note ");
  EXPECT_THAT(check_sandbox(facts, {.programs = true}).front().what, HasSubstr("allow_commands"));
  facts.sandbox = "none";
  EXPECT_EQ(levels(check_sandbox(facts, {.programs = true})), "warn ");
  EXPECT_THAT(check_sandbox(facts, {.off = true}).front().to_do, HasSubstr("server.sandbox"));
  facts.problems = {"database: it is full"};
  EXPECT_EQ(levels(check_server(facts)), "fail ");
  EXPECT_EQ(exit_code_of(check_server({})), app::ExitCode::unavailable);
  EXPECT_EQ(levels(check_version({}, "1 (a)")), "note ");
  EXPECT_EQ(levels(check_sandbox({}, {})), "note ");
}

TEST(GatewayChecksTest, Integrity) {
  using backup::DatabaseState;
  EXPECT_EQ(levels(check_integrity({.databases = {{.name = "postern.db"}}, .messages = 2})), "ok ");
  EXPECT_EQ(levels(check_integrity({.databases = {{.name = "a.db", .wrong = {"row 3 missing"}},
                                                  {.name = "b.db", .trouble = "denied"}},
                                    .trouble = "no gateway runs",
                                    .wrong = {}})),
            "fail note note ");
  EXPECT_EQ(levels(check_integrity({.messages = 1, .wrong = {"0123: the checksum is wrong"}})),
            "fail ok ");
}

TEST(GatewayChecksTest, Queue) {
  using namespace std::chrono_literals;
  EXPECT_EQ(levels(check_queue({.queued = 3, .age = 1h}, 2h)), "ok ");
  EXPECT_EQ(levels(check_queue({.queued = 3, .age = 3h}, 2h)), "warn ");
  EXPECT_EQ(levels(check_queue({.queued = 3, .age = 3h}, 0s)), "ok ");
  EXPECT_EQ(levels(check_queue({.queued = 3, .age = 5h}, 0s)), "warn ");
  EXPECT_EQ(levels(check_queue({.dead = 1}, 2h)), "note ");
  EXPECT_EQ(levels(check_queue({.trouble = "no gateway runs"}, 2h)), "note ");
}

TEST(GatewayChecksTest, Dnssec) {
  EXPECT_EQ(levels(check_dnssec("validating", true)), "ok ");
  EXPECT_EQ(levels(check_dnssec("off: no records", false)), "warn ");
  EXPECT_EQ(levels(check_dnssec(std::nullopt, false)), "note ");
}

TEST(GatewayChecksTest, Backup) {
  using namespace std::chrono_literals;
  EXPECT_EQ(levels(check_backup(24h * 6)), "ok ");
  EXPECT_EQ(levels(check_backup(24h * 7)), "warn ");
  EXPECT_EQ(levels(check_backup(-24h)), "warn ");
  EXPECT_EQ(levels(check_backup(std::nullopt)), "note ");
}

}  // namespace
}  // namespace postern::doctor
