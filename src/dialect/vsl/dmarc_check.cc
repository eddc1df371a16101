// check_dmarc.
#include "dialect/vsl/reply_codes.h"
#include "dialect/vsl/security.h"
#include "policy/results_field.h"

namespace postern::dialect::vsl {

namespace {

using StatusKind = Status::Kind;
using policy::questions::Dmarc;

/// Adds a field with the DMARC result and the SPF and DKIM results that it is based on.
void tell(Context& context) {
  const policy::Evidence& evidence = context.evidence;
  std::vector<mailauth::ar::MethodResult> results{policy::dmarc_result(*evidence.dmarc)};
  results.push_back(spf_method(evidence));
  for (auto& one : dkim_methods(evidence)) results.push_back(std::move(one));
  add_results(context, std::move(results));
}

}  // namespace

Task<StatusPtr> check_dmarc(script::Call& call) {
  Context& context = rule_of(call);
  need_message(context);
  co_await gather(context, policy::Need::dmarc);
  using Says = Dmarc::Says;
  const Dmarc found = policy::questions::dmarc(context.evidence);
  // Without a verdict, no field is added.
  const bool judged = found.says != Says::no_author && found.says != Says::unanswered &&
                      found.says != Says::no_record;
  if (judged) tell(context);
  Status status{.kind = StatusKind::next, .reply = {}, .queue = {}, .detail = {}};
  status.detail = found.words();
  status.reply = dmarc_refusal(found.says);
  if (status.reply) status.kind = StatusKind::deny;
  if (found.says == Says::asks_quarantine) {
    status.kind = StatusKind::quarantine;
    status.queue = "dmarc";
  }
  co_return std::make_shared<const Status>(std::move(status));
}

}  // namespace postern::dialect::vsl
