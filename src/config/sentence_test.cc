#include "config/sentence.h"

#include <gtest/gtest.h>

namespace postern::app {
namespace {

struct Wrong {
  std::string text;
  std::size_t column;
  std::string word;  ///< in the message
};

TEST(SentenceTest, SaysWhereASentenceIsWrong) {
  const NetworkSets sets{{"inside", {*Cidr::parse("10.0.0.0/8")}}};
  const std::vector<Wrong> cases{
      {"", 1, "never"},
      {"neverever accept", 1, "never"},
      {"never except where rcpt is foreign", 7, "accept"},
      {"never accept when rcpt is foreign", 14, "where"},
      {"never accept where", 19, "missing"},
      {"never accept where rcpt is alien", 28, "ours, relay, foreign"},
      {"never accept where rcpt is not ours", 28, "not rcpt is ours"},
      {"never accept where rcpt in foreign", 28, "write `rcpt is foreign`"},
      {"never accept where rcpt in Foreign.", 28, "write `rcpt is foreign`"},
      {"never accept where rcpt in \"foreign", 28, "not closed"},
      {"never accept where rcpt not in a.test, ours", 40, "write `not rcpt is ours`"},
      {"never accept where clients in mynetworks", 20, "`client`"},
      {"never accept where client in 10.1.2.3/8", 30, "10.0.0.0/8"},
      {"never accept where client in @nowhere", 30, "no set"},
      {"never accept where client in @insid", 30, "@inside"},
      {"never accept where (auth = none", 32, ")"},
      {"never accept where auth = none)", 31, "end of the sentence"},
      {"never accept where dmarc = failed", 28, "fail"},
      {"never accept where auth = alice", 27, "quotes"},
      {"never accept where client listed in bl.test", 37, "quotes"},
      {"never accept where client listed in \"bl.test=1\"", 37, "filter"},
      {"never accept where size > many", 27, "octets"},
      {"never accept where from in", 27, "domain"},
      {"never accept where rcpt = nobody", 27, ""},
      {"never accept where from = null and", 35, "missing"},
  };
  for (const Wrong& one : cases) {
    const auto parsed = parse_sentence(one.text, sets);
    ASSERT_FALSE(parsed) << one.text;
    EXPECT_EQ(parsed.error().column, one.column) << one.text << ": " << parsed.error().message;
    EXPECT_NE(parsed.error().message.find(one.word), std::string::npos)
        << one.text << ": " << parsed.error().message;
  }
}

TEST(SentenceTest, AndBindsTighterThanOr) {
  const auto parsed =
      parse_sentence("always refuse where from = null or tls = no and auth = none", {});
  ASSERT_TRUE(parsed);
  EXPECT_FALSE(parsed->never);
  EXPECT_EQ(parsed->verb, Verb::refuse);
  ASSERT_EQ(parsed->condition.kind, Condition::Kind::disjunction);
  EXPECT_EQ(parsed->condition.parts[1].kind, Condition::Kind::conjunction);
}

TEST(SentenceTest, NotAndListsAndSets) {
  const NetworkSets sets{{"inside", {*Cidr::parse("10.0.0.0/8"), *Cidr::parse("192.0.2.0/24")}}};
  const auto parsed = parse_sentence(
      "never accept where not (client not in @inside, mynetworks) and "
      "client_name in spam.example, *.Spam.Example",
      sets);
  ASSERT_TRUE(parsed) << parsed.error().message;
  ASSERT_EQ(parsed->condition.kind, Condition::Kind::conjunction);
  const Condition& first = parsed->condition.parts[0].parts[0];
  ASSERT_EQ(first.kind, Condition::Kind::negation);
  EXPECT_EQ(first.parts[0].term.networks.size(), 2u);
  EXPECT_TRUE(first.parts[0].term.mynetworks);
  const Term& names = parsed->condition.parts[1].term;
  EXPECT_TRUE(names.domains[0].has("spam.example"));
  EXPECT_FALSE(names.domains[0].has("a.spam.example"));
  EXPECT_TRUE(names.domains[1].has("a.b.spam.example"));
  EXPECT_FALSE(names.domains[1].has("spam.example"));
  EXPECT_FALSE(names.domains[1].has("xspam.example"));
}

TEST(SentenceTest, HeloMayBeAnything) {
  for (const std::string name :
       {"mx.example.com", "[192.0.2.9]", "192.0.2.9", "[IPv6:2001:db8::1]", "\"no name\""}) {
    const auto parsed = parse_sentence("never accept where helo = " + name, {});
    ASSERT_TRUE(parsed) << name << parsed.error().message;
    const auto& domains = parsed->condition.term.domains;
    ASSERT_EQ(domains.size(), 1u) << name;
    EXPECT_NE(domains[0].name, "none");
  }
  EXPECT_EQ(parse_sentence("never accept where helo = none", {})->condition.term.word, "none");
  EXPECT_FALSE(parse_sentence("never accept where helo = a..b", {}));
}

TEST(SentenceTest, ParenthesesAreLimited) {
  std::string text = "never accept where ";
  for (int i = 0; i < 10'000; ++i) text += '(';
  EXPECT_FALSE(parse_sentence(text, {}));
}

}  // namespace
}  // namespace postern::app
