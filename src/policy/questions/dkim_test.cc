#include "policy/questions/dkim.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postern::policy::questions {
namespace {

using mailauth::dkim::SignatureResult;
using mailauth::dkim::Status;
using Says = Dkim::Says;

SignatureResult signature(std::string domain, Status status, bool acceptable = false) {
  SignatureResult one;
  one.signature.domain = std::move(domain);
  one.status = status;
  one.acceptable = acceptable;
  return one;
}

Evidence with(std::vector<SignatureResult> signatures) {
  Evidence evidence;
  evidence.dkim.emplace();
  evidence.dkim->from_fields = 1;
  evidence.dkim->signatures = std::move(signatures);
  return evidence;
}

TEST(DkimQuestion, any_acceptable_signature_of_a_wanted_domain_vouches) {
  const auto good = signature("example.com", Status::pass, true);
  const auto odd = signature("example.com", Status::pass);
  const auto bad = signature("example.com", Status::fail);
  const auto silent = signature("example.com", Status::temperror);
  const DomainSet ours({"example.com"});
  const DomainSet others({"example.org"});
  const DomainSet any;
  struct {
    std::vector<SignatureResult> signatures;
    const DomainSet* domains;
    Says says;
  } const cases[] = {
      {{}, nullptr, Says::unverified},
      {{bad}, nullptr, Says::unverified},
      {{bad, good}, nullptr, Says::vouched},
      {{good}, &any, Says::vouched},
      {{good}, &ours, Says::vouched},
      {{good}, &others, Says::unacceptable},
      {{odd}, nullptr, Says::unacceptable},
      {{silent}, nullptr, Says::unanswered},
      {{silent, odd}, nullptr, Says::unanswered},
      {{silent}, &others, Says::unverified},
      {{silent, good}, &others, Says::unacceptable},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(dkim(with(c.signatures), c.domains).says, c.says) << &c - cases;
  }
  EXPECT_EQ(dkim(Evidence{}).says, Says::unanswered);
  EXPECT_EQ(dkim(Evidence{}).results, nullptr);
}

TEST(DkimQuestion, a_later_attempt_does_not_mend_the_header) {
  Evidence evidence = with({signature("example.com", Status::temperror)});
  evidence.dkim->from_fields = 2;
  EXPECT_EQ(dkim(evidence).says, Says::unverified);
  evidence.dkim->from_fields = 1;
  evidence.dkim->signatures[0].header_ambiguous = true;
  EXPECT_EQ(dkim(evidence).says, Says::unverified);
}

TEST(DkimQuestion, only_acceptable_signatures_vouch_for_their_domain) {
  const Evidence evidence =
      with({signature("a.example", Status::pass, true), signature("b.example", Status::pass),
            signature("c.example", Status::pass, true)});
  EXPECT_THAT(vouching_domains(evidence), ::testing::ElementsAre("a.example", "c.example"));
  EXPECT_TRUE(vouching_domains(Evidence{}).empty());
}

TEST(DkimQuestion, the_first_pass_tells_else_the_last) {
  const Evidence evidence = with(
      {signature("a.example", Status::fail), signature("b.example", Status::neutral),
       signature("c.example", Status::pass, true), signature("d.example", Status::pass, true)});
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
