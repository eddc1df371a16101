#include "policy/questions/dkim.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postern::policy::questions {
namespace {

using mailauth::dkim::SignatureResult;
using DkimStatus = mailauth::dkim::Status;
using DkimSays = Dkim::Says;

SignatureResult dkim_signature(std::string domain, DkimStatus status, bool acceptable = false) {
  SignatureResult one;
  one.signature.domain = std::move(domain);
  one.status = status;
  one.acceptable = acceptable;
  return one;
}

Evidence with_signatures(std::vector<SignatureResult> signatures) {
  Evidence evidence;
  evidence.dkim.emplace();
  evidence.dkim->from_fields = 1;
  evidence.dkim->signatures = std::move(signatures);
  return evidence;
}

TEST(DkimQuestion, any_acceptable_signature_of_a_wanted_domain_vouches) {
  const auto good = dkim_signature("example.com", DkimStatus::pass, true);
  const auto odd = dkim_signature("example.com", DkimStatus::pass);
  const auto bad = dkim_signature("example.com", DkimStatus::fail);
  const auto silent = dkim_signature("example.com", DkimStatus::temperror);
  const DomainSet ours({"example.com"});
  const DomainSet others({"example.org"});
  const DomainSet any;
  struct {
    std::vector<SignatureResult> signatures;
    const DomainSet* domains;
    DkimSays says;
  } const cases[] = {
      {{}, nullptr, DkimSays::unverified},
      {{bad}, nullptr, DkimSays::unverified},
      {{bad, good}, nullptr, DkimSays::vouched},
      {{good}, &any, DkimSays::vouched},
      {{good}, &ours, DkimSays::vouched},
      {{good}, &others, DkimSays::unacceptable},
      {{odd}, nullptr, DkimSays::unacceptable},
      {{silent}, nullptr, DkimSays::unanswered},
      {{silent, odd}, nullptr, DkimSays::unanswered},
      {{silent}, &others, DkimSays::unverified},
      {{silent, good}, &others, DkimSays::unacceptable},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(dkim(with_signatures(c.signatures), c.domains).says, c.says) << &c - cases;
  }
  EXPECT_EQ(dkim(Evidence{}).says, DkimSays::unanswered);
  EXPECT_EQ(dkim(Evidence{}).results, nullptr);
}

TEST(DkimQuestion, a_later_attempt_does_not_mend_the_header) {
  Evidence evidence = with_signatures({dkim_signature("example.com", DkimStatus::temperror)});
  evidence.dkim->from_fields = 2;
  EXPECT_EQ(dkim(evidence).says, DkimSays::unverified);
  evidence.dkim->from_fields = 1;
  evidence.dkim->signatures[0].header_ambiguous = true;
  EXPECT_EQ(dkim(evidence).says, DkimSays::unverified);
}

TEST(DkimQuestion, only_acceptable_signatures_vouch_for_their_domain) {
  const Evidence evidence = with_signatures({dkim_signature("a.example", DkimStatus::pass, true),
                                             dkim_signature("b.example", DkimStatus::pass),
                                             dkim_signature("c.example", DkimStatus::pass, true)});
  EXPECT_THAT(vouching_domains(evidence), ::testing::ElementsAre("a.example", "c.example"));
  EXPECT_TRUE(vouching_domains(Evidence{}).empty());
}

TEST(DkimQuestion, the_first_pass_tells_else_the_last) {
  const Evidence evidence = with_signatures({dkim_signature("a.example", DkimStatus::fail),
                                             dkim_signature("b.example", DkimStatus::neutral),
                                             dkim_signature("c.example", DkimStatus::pass, true),
                                             dkim_signature("d.example", DkimStatus::pass, true)});
  const auto told = [&](std::size_t most) {
    const SignatureResult* one = telling_signature(*evidence.dkim, most);
    return one != nullptr ? one->signature.domain : "";
  };
  EXPECT_EQ(told(0), "");
  EXPECT_EQ(told(2), "b.example");
  EXPECT_EQ(told(5), "c.example");
}

}  // namespace
}  // namespace postern::policy::questions
