#include "dialect/restrictions/matches.h"

#include <gtest/gtest.h>

#include "dialect/restrictions/table_test_support.h"

namespace postern::dialect::restrictions {
namespace {

std::vector<Word> words(const std::string& text) { return *split_words(text); }

TEST(Networks, a_client_that_nobody_knows_is_in_none) {
  const Texts texts{{"/all", "0.0.0.0/0 x\n::/0 x\n"}, {"/unknown", "unknown x\n"}};
  for (const char* written :
       {"0.0.0.0/0, [::]/0", "!192.0.2.1, 0.0.0.0/0", "static:all", "cidr:/all",
        "texthash:/unknown", "regexp:{{/./ x}}", "stranger.example, 0.0.0.0/0"}) {
    std::vector<std::string> trouble;
    const Networks networks = Networks::parse(words(written), texts.sources(), trouble);
    EXPECT_TRUE(trouble.empty()) << written << trouble.front();
    const std::string name = "mail.stranger.example";
    EXPECT_EQ(networks.contains(IpAddress::unknown(), &name), Match::no) << written;
    EXPECT_EQ(networks.contains(IpAddress::unknown(), nullptr), Match::no) << written;
  }
}

TEST(Networks, tell_the_linter_what_is_in_them) {
  const Texts texts{{"/halves", "0.0.0.0/1 x\n128.0.0.0/1 x\n"}};
  std::vector<std::string> trouble;
  const auto claims = [&](const std::string& written) {
    return Networks::parse(words(written), texts.sources(), trouble).claims();
  };
  EXPECT_TRUE(stranger_in(claims("cidr:/halves")));
  EXPECT_FALSE(stranger_in(claims("!0.0.0.0/0, cidr:/halves")));
  EXPECT_TRUE(stranger_in(claims("cidr:/halves, !0.0.0.0/0")));
}

// Full case folding would make `ß.example` open `ss.example`, which is another domain (RFC 5891).
TEST(Domains, names_fold_ascii_only) {
  const Texts texts{{}};
  std::vector<std::string> trouble;
  const Domains domains =
      Domains::parse(words("\xc3\x9fx.example"), Domains::Below::plain, texts.sources(), trouble);
  EXPECT_EQ(domains.contains("ssx.example"), Match::no);
}

// Addresses and names of hosts have A-labels when they are looked up (RFC 6531 §3.2).
TEST(Domains, u_labels_are_the_a_labels_of_the_same_domain) {
  const Texts texts{{}};
  std::vector<std::string> trouble;
  const Domains domains = Domains::parse(words("M\xc3\xbcnchen.Example, .z\xc3\xbcrich.example"),
                                         Domains::Below::dotted, texts.sources(), trouble);
  EXPECT_EQ(domains.contains("xn--mnchen-3ya.example"), Match::yes);
  EXPECT_EQ(domains.contains("a.xn--zrich-kva.example"), Match::yes);
  EXPECT_EQ(domains.contains("xn--zrich-kva.example"), Match::no);
  EXPECT_EQ(domains.names(),
            (std::vector<std::string>{"xn--mnchen-3ya.example", ".xn--zrich-kva.example"}));
}

// As measured with mydestination and virtual_alias_domains, in text and in a table.
TEST(Domains, only_some_lists_match_the_names_below_a_domain) {
  const Texts texts{{"/below", ".table.example yes\n"}, {"/parent", "table.example yes\n"}};
  using Below = Domains::Below;
  const auto matches = [&](Below below, const std::string& written, std::string_view domain) {
    std::vector<std::string> trouble;
    const Domains domains = Domains::parse(words(written), below, texts.sources(), trouble);
    EXPECT_TRUE(trouble.empty());
    return domains.contains(domain) == Match::yes;
  };
  // The exception at the end makes the list one that is matched element by element.
  for (const std::string more : {"", ", !other.example"}) {
    for (const Below below : {Below::none, Below::dotted, Below::plain}) {
      EXPECT_TRUE(matches(below, "text.example" + more, "text.example"));
      EXPECT_EQ(matches(below, "text.example" + more, "a.text.example"), below == Below::plain);
      EXPECT_EQ(matches(below, ".text.example" + more, "a.text.example"), below == Below::dotted);
      EXPECT_EQ(matches(below, "texthash:/below" + more, "a.table.example"),
                below == Below::dotted);
      EXPECT_EQ(matches(below, "texthash:/parent" + more, "a.table.example"),
                below == Below::plain);
    }
  }
}

}  // namespace
}  // namespace postern::dialect::restrictions
