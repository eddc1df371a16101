#include "setup/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postern::setup {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Answers usual() {
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
  return out;
}

TEST(Report, has_records_commands_and_fits_two_screens) {
  const std::string text = report(usual(), written());
  for (const char* part :
       {"mx.example.org. IN A 203.0.113.25", "example.org. IN MX 10 mx.example.org.",
        "s202611._domainkey.example.org. IN TXT \"v=DKIM1; k=rsa; p=MIIB\"",
        "\"v=DMARC1; p=none; rua=mailto:postmaster@example.org\"", "PTR mx.example.org.",
        "Proved: closed: nobody relays", "in   TCP 25; 80 for the ACME client",
        "export POSTERN_CONFIG=/etc/postern/postern.toml\n",
        "postern doctor --address 203.0.113.25\n", "systemctl enable postern",
        "postern passwd --owner-link --data-dir /var/lib/postern", "postern tls install",
        "/etc/postern/credentials/s202611.example.org.pem", "--mail-rcpt postmaster@example.org",
        "--to someone@foreign.invalid", "asks it about each new one", "1. Firewall", "2. Start",
        "7. DNS"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
  EXPECT_LE(std::ranges::count(text, '\n'), 75);
  EXPECT_THAT(text, Not(HasSubstr("link=")));
}

TEST(Report, paths_are_words_of_a_shell) {
  Written odd = written();
  odd.config_file = "/etc/mail's own/$(id).toml";
  EXPECT_THAT(report(usual(), odd),
              HasSubstr("export POSTERN_CONFIG='/etc/mail'\\''s own/$(id).toml'\n"));
}

TEST(Report, follows_the_answers) {
  Answers answers = usual();
  answers.destination = Destination::inbox;
  answers.submission = true;
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
  Answers answers = usual();
  answers.tls = Certificate::files;
  answers.certificate_file = "credential:certs_mx.pem";
  const std::string text = report(answers, written());
  EXPECT_THAT(text, Not(HasSubstr("tls install")));
  EXPECT_THAT(text, HasSubstr("  credential:certs_mx.pem\nAt each renewal replace the files"));
}

}  // namespace
}  // namespace postern::setup
