#include "policy/questions/dmarc.h"

#include <gtest/gtest.h>

namespace postern::policy::questions {
namespace {

using mailauth::dmarc::Policy;
using mailauth::dmarc::Status;
using Says = Dmarc::Says;

Evidence with(Status status, Policy policy = Policy::none) {
  Evidence evidence;
  evidence.dmarc.emplace();
  evidence.dmarc->status = status;
  evidence.dmarc->policy = policy;
  return evidence;
}

TEST(DmarcQuestion, each_result_has_a_meaning) {
  struct {
    Status status;
    Policy policy;
    Says says;
    bool may_change;
  } const cases[] = {
      {Status::pass, Policy::reject, Says::vouched, false},
      {Status::none, Policy::none, Says::no_record, false},
      {Status::permerror, Policy::none, Says::no_author, false},
      {Status::temperror, Policy::none, Says::unanswered, true},
      {Status::fail, Policy::none, Says::asks_nothing, false},
      {Status::fail, Policy::quarantine, Says::asks_quarantine, false},
      {Status::fail, Policy::reject, Says::asks_reject, false},
  };
  for (const auto& c : cases) {
    const Evidence evidence = with(c.status, c.policy);
    EXPECT_EQ(dmarc(evidence).says, c.says) << mailauth::dmarc::to_string(c.status);
    EXPECT_EQ(dmarc(evidence).may_change, c.may_change) << mailauth::dmarc::to_string(c.status);
  }
  EXPECT_EQ(dmarc(Evidence{}).says, Says::unanswered);
  EXPECT_EQ(dmarc(Evidence{}).result, nullptr);
}

TEST(DmarcQuestion, p_none_asks_for_nothing_whatever_is_undecided) {
  Evidence evidence = with(Status::temperror, Policy::none);
  evidence.dmarc->record.emplace();
  EXPECT_EQ(dmarc(evidence).says, Says::asks_nothing);
  EXPECT_TRUE(dmarc(evidence).may_change);
  evidence.dmarc->policy = Policy::reject;
  EXPECT_EQ(dmarc(evidence).says, Says::unanswered);
}

TEST(DmarcQuestion, what_would_vouch_may_be_silent_for_now) {
  Evidence evidence = with(Status::none);
  evidence.spf.emplace();
  evidence.spf->status = mailauth::spf::Status::temperror;
  EXPECT_TRUE(dmarc(evidence).may_change);
  evidence.spf->status = mailauth::spf::Status::fail;
  EXPECT_FALSE(dmarc(evidence).may_change);
  evidence.dkim.emplace();
  evidence.dkim->signatures.emplace_back();
  evidence.dkim->signatures[0].status = mailauth::dkim::Status::temperror;
  EXPECT_TRUE(dmarc(evidence).may_change);
}

}  // namespace
}  // namespace postern::policy::questions
