#include "setup/configuration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "config/config.h"
#include "setup/proof.h"

namespace postern::setup {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Answers usual_answers() {
  return {.hostname = "mx.example.org",
          .domains = {"example.org", "example.net"},
          .email = "postmaster@example.org",
          .relay = "mail.example.net:2525",
          .addresses = {},
          .data_dir = "/var/lib/postern"};
}

struct ConfigurationCase {
  const char* name;
  std::function<void(Answers&)> change;
  std::vector<std::string> contains;
  std::vector<std::string> lacks;
  std::size_t listeners;
};

std::ostream& operator<<(std::ostream& out, const ConfigurationCase& one) {
  return out << one.name;
}

class ConfigurationOf : public ::testing::TestWithParam<ConfigurationCase> {};

TEST_P(ConfigurationOf, has_these_keys_and_is_proved) {
  Answers answers = usual_answers();
  GetParam().change(answers);
  const std::string text = configuration(answers);
  for (const std::string& part : GetParam().contains) EXPECT_THAT(text, HasSubstr(part));
  for (const std::string& part : GetParam().lacks) EXPECT_THAT(text, Not(HasSubstr(part)));

  app::LoadOptions load;
  load.read_files = false;
  load.load_policy = true;
  const app::ConfigResult loaded = app::parse_config(text, "postern.toml", load);
  ASSERT_TRUE(loaded.ok()) << loaded.diagnostics.render();
  EXPECT_TRUE(loaded.diagnostics.empty()) << loaded.diagnostics.render();
  EXPECT_EQ(loaded.config.listeners.size(), GetParam().listeners);
  EXPECT_EQ(loaded.config.server.hostname, answers.hostname);

  const Proof proof = prove(text, "postern.toml", answers, load);
  EXPECT_TRUE(proof.holds()) << proof.trouble;
  EXPECT_THAT(proof.conclusion, ::testing::StartsWith("closed: "));
  ASSERT_EQ(proof.dialogue.size(), answers.domains.size() + 1);
  EXPECT_THAT(proof.dialogue.back(), HasSubstr("<someone@foreign.invalid> -> 554 5.7.1"));
}

INSTANTIATE_TEST_SUITE_P(
    Setup, ConfigurationOf,
    ::testing::Values(
        ConfigurationCase{
            "a relay",
            [](Answers&) {},
            {"relay_domains = \"example.org example.net\"", "to = [\"mail.example.net:2525\"]",
             "match = [\"example.org\", \"example.net\"]", "address = \"[::]:25\"",
             "relay = \"permit_mynetworks, reject_unauth_destination, permit\"",
             "recipient = \"permit_mynetworks, reject_unverified_recipient\"",
             "signup = \"closed\"", "data_dir = \"/var/lib/postern\""},
            {"[webhooks]", "permit_sasl", "[[auth.source]]", "sender =", "proxy_", ":465",
             "certificate ="},
            2},
        ConfigurationCase{"submission",
                          [](Answers& a) {
                            a.submission = true;
                            a.users_file = "credential:certs_users";
                          },
                          {"address = \"0.0.0.0:465\"\ntls = \"implicit\"",
                           "address = \"[::]:587\"\ntls = \"required\"",
                           "permit_sasl_authenticated, reject_unauth",
                           "permit_sasl_authenticated, reject_unverified",
                           "kind = \"htpasswd\"\nfile = \"credential:certs_users\"",
                           "sender = \"reject_authenticated_sender_login_mismatch, permit\""},
                          {},
                          6},
        ConfigurationCase{
            "a webhook",
            [](Answers& a) {
              a.destination = Destination::webhook;
              a.webhook = "https://app.example.org/mail";
            },
            {"public_domain = \"example.org\"", "# Mail goes to the webhook https://app."},
            {"relay_domains", "[[route]]"},
            2},
        ConfigurationCase{"the inbox, and clients that submit",
                          [](Answers& a) {
                            a.destination = Destination::inbox;
                            a.submission = true;
                            a.users_file = "/srv/mail/credentials/users";
                          },
                          {"public_domain = \"example.org\"", "permit_sasl_authenticated"},
                          {"[[route]]"},
                          6},
        ConfigurationCase{
            "files",
            [](Answers& a) {
              a.tls = Certificate::files;
              a.certificate_file = "credential:certs_mx.pem";
              a.key_file = "credential:certs_mx.key";
            },
            {"certificate = \"credential:certs_mx.pem\"\nkey = \"credential:certs_mx.key\""},
            {"self-signed"},
            2},
        ConfigurationCase{"a proxy",
                          [](Answers& a) {
                            a.tls = Certificate::proxy;
                            a.proxies = {"192.0.2.1/32", "2001:db8::1/128"};
                          },
                          {"proxy_protocol = \"required\"\n"
                           "proxy_from = [\"192.0.2.1/32\", \"2001:db8::1/128\"]"},
                          {},
                          2}));

TEST(Proof, names_below_the_domain_are_foreign) {
  const Answers answers = usual_answers();
  Answers asked = answers;
  asked.domains = {"sub.example.org"};
  const Proof proof = prove(configuration(answers), "postern.toml", asked, {.read_files = false});
  EXPECT_THAT(proof.trouble, HasSubstr("<someone@sub.example.org> should be accepted"));
}

struct Broken {
  const char* name;
  std::string was;
  std::string becomes;
  std::string trouble;
};

std::ostream& operator<<(std::ostream& out, const Broken& one) { return out << one.name; }

class ProofOf : public ::testing::TestWithParam<Broken> {};

TEST_P(ProofOf, a_changed_configuration_fails) {
  std::string text = configuration(usual_answers());
  const std::size_t at = text.find(GetParam().was);
  ASSERT_NE(at, std::string::npos);
  text.replace(at, GetParam().was.size(), GetParam().becomes);
  const Proof proof = prove(text, "postern.toml", usual_answers(), {.read_files = false});
  EXPECT_FALSE(proof.holds());
  EXPECT_THAT(proof.trouble, HasSubstr(GetParam().trouble));
}

INSTANTIATE_TEST_SUITE_P(
    Setup, ProofOf,
    ::testing::Values(
        Broken{"an open relay", "reject_unauth_destination, permit", "permit",
               "`postern check` refuses"},
        Broken{"an open relay that is confirmed", "reject_unauth_destination, permit\"",
               "permit\"\ni_know_this_is_an_open_relay = true", "not proved closed"},
        Broken{"lists in shadow", "[restrictions]", "[restrictions]\nmode = \"shadow\"",
               "<someone@example.org> should be accepted"},
        Broken{"a domain less", "example.org example.net", "example.org",
               "<someone@example.net> should be accepted"},
        Broken{"a mail loop", "mail.example.net:2525", "mx.example.org", "`postern check` refuses"},
        Broken{"no TOML", "[server]", "[server", "`postern check` refuses"}));

}  // namespace
}  // namespace postern::setup
