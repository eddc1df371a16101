#include "mailauth/spf/macro.h"

#include <gtest/gtest.h>

namespace mailauth::spf {
namespace {

MacroValues values(std::string_view client) {
  return {.local_part = "strong-bad",
          .sender_domain = "email.example.com",
          .helo = "mail.example.com",
          .receiver = "mx.example.org",
          .client = postern::IpAddress::parse(client).value(),
          .now = 1700000000};
}

std::string expanded(std::string_view spec, std::string_view client = "192.0.2.3") {
  EXPECT_TRUE(scan_macros(spec, MacroUse::domain)) << spec;
  return expand_domain(spec, values(client), "email.example.com", "mx.example.com");
}

TEST(SpfMacro, expands_the_examples_of_rfc_7208_section_7_4) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"%{s}", "strong-bad@email.example.com"},
      {"%{o}", "email.example.com"},
      {"%{d}", "email.example.com"},
      {"%{d4}", "email.example.com"},
      {"%{d3}", "email.example.com"},
      {"%{d2}", "example.com"},
      {"%{d1}", "com"},
      {"%{dr}", "com.example.email"},
      {"%{d2r}", "example.email"},
      {"%{l}", "strong-bad"},
      {"%{l-}", "strong.bad"},
      {"%{lr}", "strong-bad"},
      {"%{lr-}", "bad.strong"},
      {"%{l1r-}", "strong"},
      {"%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"},
      {"%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"},
      {"%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"},
      {"%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"},
      {"%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"},
      {"%{p}.%{h}", "mx.example.com.mail.example.com"},
      {"a%%b%_c%-d.example.", "a%b c%20d.example"},
      {"%{S}", "strong-bad%40email.example.com"},
      {"%{d99999999999999999999}", "email.example.com"},
  };
  for (const auto& [spec, expected] : cases) EXPECT_EQ(expanded(spec), expected) << spec;
  EXPECT_EQ(expanded("%{ir}.%{v}._spf.%{d2}", "2001:db8::cb01"),
            "1.0.B.C.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.D.0.1.0.0.2.ip6._spf.example.com");
}

TEST(SpfMacro, cuts_long_names_from_the_left_by_whole_labels) {
  std::string spec;
  for (int i = 0; i < 40; ++i) spec += "%{d}.";
  const std::string name = expanded(spec + "end.example");
  EXPECT_LE(name.size(), 253u);
  EXPECT_GT(name.size(), 230u);
  EXPECT_TRUE(name.ends_with(".email.example.com.end.example"));
  EXPECT_TRUE(name.starts_with("email.") || name.starts_with("example.") ||
              name.starts_with("com."));
}

TEST(SpfMacro, has_letters_that_are_for_explanations_only) {
  EXPECT_FALSE(scan_macros("%{c}", MacroUse::domain));
  EXPECT_FALSE(scan_macros("two words", MacroUse::domain));
  const auto needs = scan_macros("%{c} %{r} %{t} %{L}", MacroUse::explanation);
  ASSERT_TRUE(needs);
  EXPECT_TRUE(needs->local_part);
  EXPECT_EQ(expand_explanation("%{c} at %{r} on %{t}: %{L}.", values("2001:db8::1"), "d", "p"),
            "2001:db8::1 at mx.example.org on 1700000000: strong-bad.");
}

TEST(SpfMacro, makes_no_explanation_that_is_long_or_not_ascii) {
  EXPECT_TRUE(expand_explanation(std::string(255, 'x'), values("192.0.2.1"), "d", "p"));
  EXPECT_FALSE(expand_explanation(std::string(256, 'x'), values("192.0.2.1"), "d", "p"));
  MacroValues foreign = values("192.0.2.1");
  foreign.local_part = "\xc3\xb1";
  EXPECT_FALSE(expand_explanation("%{l}", foreign, "d", "p"));
  EXPECT_EQ(expand_explanation("%{L}", foreign, "d", "p"), "%C3%B1");
}

TEST(SpfMacro, knows_what_can_be_asked_for) {
  EXPECT_TRUE(is_askable("a b.c+d.example"));
  EXPECT_FALSE(is_askable(""));
  EXPECT_FALSE(is_askable("a..example"));
  EXPECT_FALSE(is_askable("a.example."));
  EXPECT_FALSE(is_askable("a\\.example"));
  EXPECT_FALSE(is_askable("\xc3\xb1.example"));
  EXPECT_FALSE(is_askable(std::string(64, 'a') + ".example"));
}

TEST(SpfMacro, reverses_addresses) {
  EXPECT_EQ(reverse_name(postern::IpAddress::parse("192.0.2.30").value()),
            "30.2.0.192.in-addr.arpa");
  EXPECT_EQ(reverse_name(postern::IpAddress::parse("2001:db8::1").value()),
            "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
}

}  // namespace
}  // namespace mailauth::spf
