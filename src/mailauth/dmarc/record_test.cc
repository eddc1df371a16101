#include "mailauth/dmarc/record.h"

#include <gtest/gtest.h>

namespace mailauth::dmarc {
namespace {

TEST(DmarcRecord, reads_every_tag) {
  const auto record = Record::parse(
      "v=DMARC1; p=quarantine; sp=REJECT; np=none; adkim=s; aspf=S; psd=y; t=y; pct=20; ri=3600; "
      "fo=1:d; rua=mailto:a@example.com!10m , https://example.com/report; "
      "ruf=mailto:b@example.com");
  ASSERT_TRUE(record);
  EXPECT_EQ(record->p.policy, Policy::quarantine);
  EXPECT_EQ(record->sp.policy, Policy::reject);
  EXPECT_EQ(record->np.policy, Policy::none);
  EXPECT_EQ(record->adkim, Alignment::strict);
  EXPECT_EQ(record->aspf, Alignment::strict);
  EXPECT_EQ(record->psd, SuffixFlag::yes);
  EXPECT_TRUE(record->testing);
  EXPECT_EQ(record->pct, 20u);
  EXPECT_EQ(record->ri, 3600u);
  EXPECT_EQ(record->fo, "1:d");
  EXPECT_EQ(record->rua,
            (std::vector<std::string>{"mailto:a@example.com!10m", "https://example.com/report"}));
  EXPECT_EQ(record->ruf, std::vector<std::string>{"mailto:b@example.com"});
}

TEST(DmarcRecord, begins_with_its_version) {
  for (const char* text : {"v=DMARC1", "v=DMARC1;", " v = DMARC1 ; p=none", "V=DMARC1;p=none"}) {
    EXPECT_TRUE(Record::parse(text)) << text;
  }
  for (const char* text : {"", ";", "v=dmarc1", "v=DMARC2", "v=DMARC1 p=none", "p=none; v=DMARC1",
                           "; v=DMARC1", "v DMARC1", "v=spf1 -all"}) {
    EXPECT_FALSE(Record::parse(text)) << text;
  }
}

TEST(DmarcRecord, takes_defaults_for_what_makes_no_sense) {
  const auto record = Record::parse(
      "v=DMARC1; p=drop; adkim=x; pct=101; ri=-1; psd=maybe; t=1; =; ;; rua; junk=1; sp=");
  ASSERT_TRUE(record);
  EXPECT_TRUE(record->p.present);
  EXPECT_FALSE(record->p.policy);
  EXPECT_TRUE(record->sp.present);
  EXPECT_FALSE(record->np.present);
  EXPECT_EQ(record->adkim, Alignment::relaxed);
  EXPECT_EQ(record->pct, 100u);
  EXPECT_EQ(record->ri, 86400u);
  EXPECT_EQ(record->psd, SuffixFlag::unknown);
  EXPECT_FALSE(record->testing);
}

TEST(DmarcRecord, takes_the_first_of_a_repeated_tag) {
  const auto record = Record::parse("v=DMARC1; p=reject; p=none; P=none; sp=; sp=reject");
  EXPECT_EQ(record->p.policy, Policy::reject);
  EXPECT_FALSE(record->sp.policy);
}

TEST(DmarcRecord, keeps_only_addresses_with_the_form_of_a_uri) {
  const auto record = Record::parse(
      "v=DMARC1; rua=a@example.com,mailto:,mailto:nobody,:x,1x:y,https://a "
      "b,,mailto:c@example.com");
  EXPECT_EQ(record->rua, std::vector<std::string>{"mailto:c@example.com"});
}

TEST(DmarcRecord, bears_any_size) {
  std::string tags = "v=DMARC1; p=reject";
  for (int i = 0; i < 10'000; ++i) tags += ";x=1";
  const auto record = Record::parse(tags + "; sp=none");
  ASSERT_TRUE(record);
  EXPECT_EQ(record->sp.policy, Policy::none);
  std::string addresses = "v=DMARC1; rua=";
  for (int i = 0; i < 2'000; ++i) addresses += "mailto:a@example.com,";
  EXPECT_EQ(Record::parse(addresses)->rua.size(), max_uris);
  EXPECT_FALSE(Record::parse("v=DMARC1; p=none; x=" + std::string(1'000'000, 'x')));
}

}  // namespace
}  // namespace mailauth::dmarc
