#include "smtp/command_text.h"

#include <gtest/gtest.h>

namespace postern::smtp {
namespace {

TEST(CommandText, says_the_command_without_credentials) {
  const mail::Mailbox alice{"alice", "example.com"};
  const struct {
    Event event;
    std::string text;
  } cases[] = {
      {Helo{.name = "client.example", .extended = true}, "EHLO client.example"},
      {Helo{.name = "client.example"}, "HELO client.example"},
      {Mail{.reverse_path = alice}, "MAIL FROM:<alice@example.com>"},
      {Mail{.size = 100, .smtputf8 = true, .body_8bitmime = true, .ret = "HDRS", .envid = "q+2B"},
       "MAIL FROM:<> SIZE=100 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=q+2B"},
      {Rcpt{.forward_path = alice, .notify = "NEVER", .orcpt = "rfc822;a@b"},
       "RCPT TO:<alice@example.com> NOTIFY=NEVER ORCPT=rfc822;a@b"},
      {Auth{.mechanism = "PLAIN", .authn_id = "scott", .password = Secret("tiger")},
       "AUTH PLAIN <redacted>"},
      {Vrfy{.mailbox = alice}, "VRFY alice@example.com"},
      {Etrn{.domain = "example.com"}, "ETRN example.com"},
      {Data{}, "DATA"},
      {Data{.chunked = true}, "BDAT"},
      {EndOfData{.size = 5}, "DATA"},
      {Xclient{.login = "scott"}, "XCLIENT"},
      {StartTls{}, ""},
  };
  for (const auto& one : cases) EXPECT_EQ(command_text(one.event), one.text);
}

}  // namespace
}  // namespace postern::smtp
