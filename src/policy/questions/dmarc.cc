#include "policy/questions/dmarc.h"

#include "policy/authentication_text.h"
#include "policy/questions/spf.h"

namespace postern::policy::questions {

namespace {

namespace dmarc_ = mailauth::dmarc;
using Says = Dmarc::Says;

Says dmarc_meaning_of(const dmarc_::Result& result) {
  switch (result.status) {
    case dmarc_::Status::pass:
      return Says::vouched;
    case dmarc_::Status::none:
      return Says::no_record;
    case dmarc_::Status::permerror:
      return Says::no_author;
    case dmarc_::Status::temperror:
      // Whatever the lookup that failed would have said, a policy of p=none asks for nothing.
      return result.record && result.policy == dmarc_::Policy::none ? Says::asks_nothing
                                                                    : Says::unanswered;
    case dmarc_::Status::fail:
      break;
  }
  switch (result.policy) {
    case dmarc_::Policy::none:
      return Says::asks_nothing;
    case dmarc_::Policy::quarantine:
      return Says::asks_quarantine;
    case dmarc_::Policy::reject:
      break;
  }
  return Says::asks_reject;
}

}  // namespace

Dmarc dmarc(const Evidence& evidence) {
  if (!evidence.dmarc) return {};
  const Says says = dmarc_meaning_of(*evidence.dmarc);
  const bool may_change =
      evidence.dmarc->status == dmarc_::Status::temperror ||
      (evidence.spf && spf(evidence).says == Spf::Says::unanswered) ||
      (evidence.dkim && evidence.dkim->overall() == mailauth::dkim::Status::temperror);
  return {says, may_change, &*evidence.dmarc};
}

std::string Dmarc::words() const {
  return result != nullptr ? describe(*result) : "DMARC was not evaluated";
}

}  // namespace postern::policy::questions
