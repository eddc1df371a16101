#include "dialect/vsl/delegate.h"

#include <algorithm>

#include "base/text.h"
#include "dialect/script_record.h"
#include "dialect/vsl/service.h"

namespace postern::dialect::vsl {

namespace {

/// The outstanding numbers; all versions of the policy share them.
Delegations& delegations() {
  static Delegations all;
  return all;
}

bool is_ours(const Draft::Field& field) { return iequals(field.name, delegation_field); }

}  // namespace

void hand_out(Context& context, const Directive& directive, const SmtpService& service) {
  Draft& draft = draft_with_message(context);
  draft.skip = Status{.kind = Status::Kind::faccept, .reply = {}, .queue = {}, .detail = {}};
  if (context.inquiry.tape.playing) return;
  prepend_field(draft, delegation_field, delegations().issue({directive.stage, directive.name}));
  for (const mail::Mailbox& one : recipients_after(draft, context.evidence)) {
    draft.transports[lower(one.text())] = {policy::Transport::Kind::forward,
                                           service.options().address};
  }
}

bool take_back(Context& context) {
  policy::Tape& tape = context.inquiry.tape;
  Draft& draft = draft_with_message(context);
  if (tape.playing) {
    const std::string line = take_line(tape.answers);
    if (line.empty()) return false;
    draft.resumed = delegation_of(json::parse(line));
    return true;
  }
  for (const Draft::Field& field : draft.header) {
    if (!is_ours(field)) continue;
    draft.resumed = delegations().redeem(field.value());
    if (draft.resumed) break;
  }
  drop_forged(context);
  if (draft.resumed) {
    tape.record += json::serialize(json_of(*draft.resumed));
  }
  tape.record += "\n";
  return draft.resumed.has_value();
}

void drop_forged(Context& context) {
  Draft& draft = draft_with_message(context);
  if (std::erase_if(draft.header, is_ours) > 0) draft.header_changed = true;
}

}  // namespace postern::dialect::vsl
