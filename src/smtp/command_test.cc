#include "smtp/command.h"

#include <gtest/gtest.h>

#include "smtp/xtext.h"

namespace postern::smtp {
namespace {

TEST(Command, is_a_verb_and_the_rest) {
  const CommandView command = parse_command("mAiL FROM:<a@b>  ");
  EXPECT_EQ(command.verb, Verb::mail);
  EXPECT_EQ(command.argument, "FROM:<a@b>");
  EXPECT_EQ(parse_command("NOOP").verb, Verb::noop);
  EXPECT_EQ(parse_command("").verb, Verb::unknown);
  EXPECT_EQ(parse_command(" NOOP").verb, Verb::unknown);
  EXPECT_EQ(parse_command("NOOPX").verb, Verb::unknown);
  EXPECT_EQ(parse_command("MAIL\tFROM:<a@b>").verb, Verb::mail);
}

TEST(Command, knows_other_protocols) {
  for (const char* line : {"GET / HTTP/1.1", "POST / HTTP/1.1", "PUT /x", "HEAD /", "OPTIONS *",
                           "CONNECT a:25", "DELETE /", "PATCH /", "Host: x", "host:x", "get /"}) {
    EXPECT_EQ(parse_command(line).verb, Verb::foreign) << line;
  }
}

TEST(Bdat, takes_digits_only) {
  EXPECT_EQ(parse_bdat("0")->size, 0u);
  EXPECT_FALSE(parse_bdat("18446744073709551615")->last);
  EXPECT_TRUE(parse_bdat("00000000000000000099 last")->last);
  for (const char* text : {"", "-1", "+1", "0x10", "1e2", "abc", "18446744073709551616", "1 2",
                           "1 LAST x", "1LAST", "LAST", "000000000000000000001", " 1 LASTX"}) {
    EXPECT_FALSE(parse_bdat(text)) << text;
  }
}

TEST(HeloName, is_one_word_of_a_host) {
  for (const char* name : {"client.example", "[192.0.2.1]", "[IPv6:2001:db8::1]", "a..b",
                           "bad_.-name", "192.0.2.1", "x"}) {
    EXPECT_TRUE(fit_helo_name(name)) << name;
  }
  for (const char* name :
       {"", "a b", "a\tb", "<x>", "a(b)", "a\\b", "\xc3\xbc", "[x", "x]", "a/b"}) {
    EXPECT_FALSE(fit_helo_name(name)) << name;
  }
}

TEST(Xtext, is_decoded_strictly) {
  EXPECT_EQ(decode_xtext("a+2Bb+00"), std::string("a+b\0", 4));
  EXPECT_EQ(decode_xtext(""), "");
  for (const char* text : {"+", "+2", "a+2b", "+GG", "a b", "a=b", "\x07"}) {
    EXPECT_FALSE(decode_xtext(text)) << text;
  }
}

TEST(MailArguments, are_not_mixed_up) {
  const auto mail = parse_mail("from:<\"a SIZE=1\"@b> SIZE=5", {.message_size = 100});
  ASSERT_TRUE(mail);
  EXPECT_EQ(mail->reverse_path->local_part, "\"a SIZE=1\"");
  EXPECT_EQ(mail->size, 5u);
  const auto null = parse_mail("FROM:<> SMTPUTF8", {.message_size = 100});
  ASSERT_TRUE(null);
  EXPECT_FALSE(null->reverse_path);
  EXPECT_EQ(parse_mail("FROM:<a@b> BODY=8BITMIME AUTH=<>", {.message_size = 1, .auth = true})
                ->body_8bitmime,
            true);
  EXPECT_EQ(parse_mail("FROM:<a@b> AUTH", {.message_size = 1, .auth = true}).error().code, 555);
}

}  // namespace
}  // namespace postern::smtp
