#include "setup/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postern::setup {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Answers reported_answers() {
  return {.hostname = "mx.example.org",
          .domains = {"example.org"},
          .email = "postmaster@example.org",
          .relay = "mail.example.net",
          .addresses = {IpAddress::parse("203.0.113.25").value()},
          .data_dir = "/var/lib/postern"};
}

Written written() {
  Written out;
  out.config_file = "/etc/postern/postern.toml";
  out.keys = {{{"example.org", "s202611", "v=DKIM1; k=rsa; p=MIIB"},
               "/etc/postern/credentials/s202611.example.org.pem"}};
  out.proof.conclusion = "closed: nobody relays";
  out.hook = "/usr/lib/postern/hooks/renewed-certificate";
  out.users_file = "/etc/postern/credentials/users";
  return out;
}

TEST(Report, has_records_commands_and_fits_two_screens) {
  const std::string text = report(reported_answers(), written());
  for (const char* part : {"mx.example.org. IN A 203.0.113.25",
                           "example.org. IN MX 10 mx.example.org.",
                           "s202611._domainkey.example.org. IN TXT \"v=DKIM1; k=rsa; p=MIIB\"",
                           "\"v=DMARC1; p=none; rua=mailto:postmaster@example.org\"",
                           "PTR mx.example.org.",
                           "Proved: closed: nobody relays",
                           "in   TCP 25; 80 for the ACME client",
                           "example.org. IN TXT \"v=spf1 mx a:mail.example.net -all\"",
                           "--deploy-hook \\\n    /usr/lib/postern/hooks/renewed-certificate\n",
                           "postern doctor --address 203.0.113.25\n",
                           "systemctl enable postern",
                           "postern passwd --owner-link --data-dir /var/lib/postern",
                           "/etc/postern/credentials/s202611.example.org.pem",
                           "--mail-rcpt postmaster@example.org",
                           "--to someone@foreign.invalid",
                           "asks it about each new one",
                           "1. The name",
                           "2. Firewall",
                           "3. Start",
                           "8. DNS"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
  EXPECT_LE(std::ranges::count(text, '\n'), 76);
  EXPECT_THAT(text, Not(HasSubstr("link=")));
  EXPECT_THAT(text, Not(HasSubstr("POSTERN_CONFIG"))) << "commands read that file by themselves";
}

// Every command of it works when those above it were followed.
TEST(Report, has_the_name_first_and_the_mx_record_last) {
  const std::string text = report(reported_answers(), written());
  const auto at = [&](const char* part) { return text.find(part); };
  EXPECT_LT(at("IN A 203.0.113.25"), at("certbot"));
  EXPECT_LT(at("IN PTR"), at("certbot"));
  EXPECT_LT(at("certbot"), at("curl"));
  EXPECT_LT(at("curl"), at("IN MX"));
  EXPECT_LT(at("curl"), at("v=spf1"));
}

TEST(Report, the_hook_knows_another_data_directory_and_passes_over_other_names) {
  Answers answers = reported_answers();
  answers.data_dir = "/srv/mail";
  EXPECT_THAT(report(answers, written()),
              HasSubstr("'POSTERN_DATA=/srv/mail /usr/lib/postern/hooks/renewed-certificate'"));
  Written none = written();
  none.hook.clear();
  EXPECT_THAT(report(answers, none),
              HasSubstr("'postern tls install $RENEWED_LINEAGE/fullchain.pem "
                        "$RENEWED_LINEAGE/privkey.pem --if-named --data-dir /srv/mail'"));
}

TEST(Report, the_server_behind_is_in_the_spf_record_if_it_has_a_public_name) {
  Answers answers = reported_answers();
  const std::pair<const char*, const char*> cases[] = {
      {"mail.example.net:2525", "\"v=spf1 mx a:mail.example.net -all\""},
      {"[9.9.9.9]:25", "\"v=spf1 mx ip4:9.9.9.9 -all\""},
      {"[2620:fe::9]", "\"v=spf1 mx ip6:2620:fe::9 -all\""},
      {"[10.0.0.7]", "\"v=spf1 mx -all\""},
  };
  for (const auto& [relay, record] : cases) {
    answers.relay = relay;
    EXPECT_THAT(report(answers, written()), HasSubstr(record));
  }
}

TEST(Report, a_test_mail_and_reports_go_to_addresses_that_exist) {
  Answers answers = reported_answers();
  answers.destination = Destination::webhook;
  answers.webhook = "https://app.example.org/mail";
  answers.domains = {"example.org", "example.net"};
  answers.email = default_email(answers);
  const std::string text = report(answers, written());
  EXPECT_THAT(text, HasSubstr("mx.example.org accepts mail for addresses of webhooks below "
                              "example.org, example.net and posts"));
  EXPECT_THAT(text, HasSubstr("verified (Domains): example.org, example.net\n"));
  EXPECT_THAT(text, HasSubstr("--mail-rcpt ADDRESS -T"));
  EXPECT_THAT(text, Not(HasSubstr("postmaster@")));
  EXPECT_THAT(text, Not(HasSubstr("rua=")));
  EXPECT_THAT(text, HasSubstr("No reports of DMARC and TLS are asked for"));
  answers.email = "dmarc@example.net";
  EXPECT_THAT(report(answers, written()),
              HasSubstr("Reports go to dmarc@example.net, which has to be the address of a"));
}

TEST(Report, says_how_somebody_gets_to_sign_in) {
  Answers answers = reported_answers();
  answers.submission = true;
  EXPECT_THAT(report(answers, written()),
              HasSubstr("  htpasswd -B -C 12 /etc/postern/credentials/users NAME@DOMAIN\n"
                        "  systemctl restart postern\n"));
}

TEST(Report, paths_are_words_of_a_shell) {
  Written odd = written();
  odd.config_file = "/etc/mail's own/$(id).toml";
  EXPECT_THAT(report(reported_answers(), odd),
              HasSubstr("export POSTERN_CONFIG='/etc/mail'\\''s own/$(id).toml'\n"));
}

TEST(Report, follows_the_answers) {
  Answers answers = reported_answers();
  answers.destination = Destination::inbox;
  answers.submission = true;
  answers.users_file = "credential:certs_users";
  answers.tls = Certificate::proxy;
  answers.proxies = {"192.0.2.1/32"};
  answers.addresses.clear();
  Written none = written();
  none.keys.clear();
  const std::string text = report(answers, none);
  EXPECT_THAT(text, HasSubstr("keeps it in its inbox"));
  EXPECT_THAT(text, HasSubstr("TCP 25, 465, 587 from 192.0.2.1/32\n"));
  EXPECT_THAT(text, HasSubstr("This machine has no public address"));
  EXPECT_THAT(text, HasSubstr("postern inbox --data-dir /var/lib/postern"));
  EXPECT_THAT(text, Not(HasSubstr("IN CAA")));
  EXPECT_THAT(text, HasSubstr("postern tls install fullchain.pem privkey.pem"));
  EXPECT_THAT(text, Not(HasSubstr("certbot"))) << "the firewall does not open port 80";
  EXPECT_THAT(text, Not(HasSubstr("DKIM keys, import")));
}

TEST(Report, with_files_nothing_installs_a_certificate) {
  Answers answers = reported_answers();
  answers.tls = Certificate::files;
  answers.certificate_file = "credential:certs_mx.pem";
  const std::string text = report(answers, written());
  EXPECT_THAT(text, Not(HasSubstr("tls install")));
  EXPECT_THAT(text, HasSubstr("  credential:certs_mx.pem\nAt each renewal replace the files, then "
                              "`systemctl restart postern`"));
  EXPECT_THAT(text, Not(HasSubstr("within a minute"))) << "systemd copies them at the start alone";
}

}  // namespace
}  // namespace postern::setup
