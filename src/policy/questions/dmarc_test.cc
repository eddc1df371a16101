#include "policy/questions/dmarc.h"

#include <gtest/gtest.h>

namespace postern::policy::questions {
namespace {

using mailauth::dmarc::Policy;
using DmarcStatus = mailauth::dmarc::Status;
using DmarcSays = Dmarc::Says;

Evidence dmarc_evidence(DmarcStatus status, Policy policy = Policy::none) {
  Evidence evidence;
  evidence.dmarc.emplace();
  evidence.dmarc->status = status;
  evidence.dmarc->policy = policy;
  return evidence;
}

TEST(DmarcQuestion, each_result_has_a_meaning) {
  struct {
    DmarcStatus status;
    Policy policy;
    DmarcSays says;
    bool may_change;
  } const cases[] = {
      {DmarcStatus::pass, Policy::reject, DmarcSays::vouched, false},
      {DmarcStatus::none, Policy::none, DmarcSays::no_record, false},
      {DmarcStatus::permerror, Policy::none, DmarcSays::no_author, false},
      {DmarcStatus::temperror, Policy::none, DmarcSays::unanswered, true},
      {DmarcStatus::fail, Policy::none, DmarcSays::asks_nothing, false},
      {DmarcStatus::fail, Policy::quarantine, DmarcSays::asks_quarantine, false},
      {DmarcStatus::fail, Policy::reject, DmarcSays::asks_reject, false},
  };
  for (const auto& c : cases) {
    const Evidence evidence = dmarc_evidence(c.status, c.policy);
    EXPECT_EQ(dmarc(evidence).says, c.says) << mailauth::dmarc::to_string(c.status);
    EXPECT_EQ(dmarc(evidence).may_change, c.may_change) << mailauth::dmarc::to_string(c.status);
  }
  EXPECT_EQ(dmarc(Evidence{}).says, DmarcSays::unanswered);
  EXPECT_EQ(dmarc(Evidence{}).result, nullptr);
}

TEST(DmarcQuestion, p_none_asks_for_nothing_whatever_is_undecided) {
  Evidence evidence = dmarc_evidence(DmarcStatus::temperror, Policy::none);
  evidence.dmarc->record.emplace();
  EXPECT_EQ(dmarc(evidence).says, DmarcSays::asks_nothing);
  EXPECT_TRUE(dmarc(evidence).may_change);
  evidence.dmarc->policy = Policy::reject;
  EXPECT_EQ(dmarc(evidence).says, DmarcSays::unanswered);
}

TEST(DmarcQuestion, what_would_vouch_may_be_silent_for_now) {
  Evidence evidence = dmarc_evidence(DmarcStatus::none);
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
