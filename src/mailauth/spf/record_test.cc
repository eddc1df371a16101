#include "mailauth/spf/record.h"

#include <gtest/gtest.h>

namespace mailauth::spf {
namespace {

TEST(SpfRecord, is_told_from_other_texts) {
  EXPECT_TRUE(Record::is_spf("v=spf1"));
  EXPECT_TRUE(Record::is_spf("V=SPF1 -all"));
  EXPECT_FALSE(Record::is_spf("v=spf10"));
  EXPECT_FALSE(Record::is_spf("v=spf1\t-all"));
  EXPECT_FALSE(Record::is_spf(" v=spf1 -all"));
  EXPECT_FALSE(Record::is_spf(""));
}

TEST(SpfRecord, keeps_terms_in_order) {
  const auto record = Record::parse(
      "v=spf1  +a/24//64 -mx:example.org/30 ?ip6:2001:db8::/32 "
      "~exists:%{l}.%{p}.example.org exp=e.example.org redirect=%{d} x-y.z=%{h}");
  ASSERT_TRUE(record) << record.error().message();
  ASSERT_EQ(record->terms().size(), 4u);
  const Term& a = record->terms()[0];
  EXPECT_EQ(a.mechanism, Mechanism::a);
  EXPECT_EQ(a.outcome, Status::pass);
  EXPECT_EQ(a.prefix4, 24);
  EXPECT_EQ(a.prefix6, 64);
  EXPECT_EQ(a.target.spec.length, 0);
  EXPECT_EQ(record->text(a.text), "+a/24//64");
  const Term& mx = record->terms()[1];
  EXPECT_EQ(mx.outcome, Status::fail);
  EXPECT_EQ(record->text(mx.target.spec), "example.org");
  EXPECT_EQ(mx.prefix4, 30);
  EXPECT_EQ(mx.prefix6, 128);
  EXPECT_EQ(record->terms()[2].prefix6, 32);
  EXPECT_EQ(record->terms()[2].outcome, Status::neutral);
  const Term& exists = record->terms()[3];
  EXPECT_EQ(exists.outcome, Status::softfail);
  EXPECT_TRUE(exists.target.uses_local_part);
  EXPECT_TRUE(exists.target.uses_validated_name);
  EXPECT_EQ(record->text(record->explanation()->spec), "e.example.org");
  EXPECT_TRUE(record->redirect()->has_macros);
}

struct Broken {
  std::string_view text;
  RecordFault fault;
};

TEST(SpfRecord, names_what_is_wrong) {
  const Broken cases[] = {
      {"v=spf1 al", RecordFault::unknown_mechanism},
      {"v=spf1 redirect:example.org", RecordFault::unknown_mechanism},
      {"v=spf1 1x=y", RecordFault::unknown_mechanism},
      {"v=spf1 =y", RecordFault::unknown_mechanism},
      {"v=spf1 -", RecordFault::unknown_mechanism},
      {"v=spf1 --all", RecordFault::unknown_mechanism},
      {"v=spf1 all:x", RecordFault::unexpected_argument},
      {"v=spf1 ptr/24", RecordFault::unexpected_argument},
      {"v=spf1 include", RecordFault::missing_domain},
      {"v=spf1 include:", RecordFault::missing_domain},
      {"v=spf1 a:", RecordFault::missing_domain},
      {"v=spf1 redirect=", RecordFault::missing_domain},
      {"v=spf1 a:localhost", RecordFault::bad_domain},
      {"v=spf1 a:example.123", RecordFault::bad_domain},
      {"v=spf1 a:example.-org", RecordFault::bad_domain},
      {"v=spf1 a:example.org..", RecordFault::bad_domain},
      {"v=spf1 include:example.org/24", RecordFault::bad_domain},
      {"v=spf1 a:example.org/24/64", RecordFault::bad_prefix},
      {"v=spf1 exists:%{z}.example.org", RecordFault::bad_macro},
      {"v=spf1 exists:%{c}.example.org", RecordFault::bad_macro},
      {"v=spf1 exists:%{d0}.example.org", RecordFault::bad_macro},
      {"v=spf1 exists:%{d2;}.example.org", RecordFault::bad_macro},
      {"v=spf1 exists:%{d", RecordFault::bad_macro},
      {"v=spf1 exists:example.org%", RecordFault::bad_macro},
      {"v=spf1 x=%z", RecordFault::bad_macro},
      {"v=spf1 ip4", RecordFault::bad_address},
      {"v=spf1 ip4:192.0.2", RecordFault::bad_address},
      {"v=spf1 ip4:192.0.02.1", RecordFault::bad_address},
      {"v=spf1 ip4:2001:db8::1", RecordFault::bad_address},
      {"v=spf1 ip6:192.0.2.1", RecordFault::bad_address},
      {"v=spf1 ip4:192.0.2.1/33", RecordFault::bad_prefix},
      {"v=spf1 ip4:192.0.2.1/", RecordFault::bad_prefix},
      {"v=spf1 ip4:192.0.2.1/032", RecordFault::bad_prefix},
      {"v=spf1 ip6:2001:db8::1/129", RecordFault::bad_prefix},
      {"v=spf1 a/33", RecordFault::bad_prefix},
      {"v=spf1 a//129", RecordFault::bad_prefix},
      {"v=spf1 a/00", RecordFault::bad_prefix},
      {"v=spf1 a/99999999999999999999", RecordFault::bad_prefix},
      {"v=spf1 exp=a.example exp=b.example", RecordFault::repeated_modifier},
      {"v=spf1 Redirect=a.example redirect=b.example", RecordFault::repeated_modifier},
      {"v=spf1 a\tmx", RecordFault::bad_octet},
      {"v=spf1 a:b\xc3\xbc.example", RecordFault::bad_octet},
  };
  for (const Broken& c : cases) {
    const auto record = Record::parse(c.text);
    ASSERT_FALSE(record) << c.text;
    EXPECT_EQ(record.error().fault, c.fault) << c.text << ": " << record.error().message();
  }
  EXPECT_EQ(Record::parse("v=spf1 a/33 -all").error().message(), "not a prefix length: `a/33`");
}

TEST(SpfRecord, has_a_greatest_length) {
  std::string text = "v=spf1";
  while (text.size() + 4 <= max_record) text += " a a";
  EXPECT_TRUE(Record::parse(text));
  text.resize(max_record, ' ');
  EXPECT_TRUE(Record::parse(text));
  EXPECT_EQ(Record::parse(text + " ").error().fault, RecordFault::too_long);
  std::string ten_thousand = "v=spf1";
  for (int i = 0; i < 10'000; ++i) ten_thousand += " a:x" + std::to_string(i) + ".example";
  EXPECT_EQ(Record::parse(ten_thousand).error().fault, RecordFault::too_long);
}

TEST(SpfRecordCache, parses_a_text_once_and_forgets_what_is_not_asked_for) {
  RecordCache cache(2);
  const auto kept = cache.get("v=spf1 -all");
  ASSERT_TRUE(*kept);
  const auto broken = cache.get("v=spf1 al");
  EXPECT_FALSE(*broken);
  EXPECT_EQ(cache.get("v=spf1 -all"), kept);
  EXPECT_EQ(cache.get("v=spf1 al"), broken);
  cache.get("v=spf1 ~all");
  EXPECT_EQ(cache.get("v=spf1 -all"), kept);  // moved from the older generation
  cache.get("v=spf1 ?all");
  EXPECT_EQ(cache.get("v=spf1 -all"), kept);
  EXPECT_NE(cache.get("v=spf1 al"), broken);
}

}  // namespace
}  // namespace mailauth::spf
