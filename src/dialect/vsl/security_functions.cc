#include "dialect/vsl/library.h"
#include "dialect/vsl/security.h"
#include "mailauth/ar/write.h"

namespace postern::dialect::vsl {

namespace {

using policy::Need;
using policy::Stage;
using script::bind;
using script::demand;

constexpr script::HostFunction functions[] = {
    {"vsl.check_mail_relay", "allowed_hosts: object|string|array", "status",
     "Denies (554 5.7.1) a sender of one of our domains unless the client authenticated or is one "
     "of "
     "the hosts: addresses, ranges, names (by their addresses in DNS), groups and files of them.",
     bind<&check_mail_relay>},
    {"vsl.check_rcpt_relay", "allowed_hosts: object|string|array", "status",
     "Refuses (554 5.7.1) this recipient, and no other, if its domain is not ours and the client "
     "neither authenticated nor is one of the hosts. Of the others mail is passed on.",
     bind<&check_rcpt_relay>},
    {"vsl.check_spf", "header: text, policy?: 'strict'|'soft'", "status",
     "Denies what SPF says is forged: fail (550 5.7.23), under \"strict\" softfail too, and errors "
     "(451 4.7.24, 550 5.7.24); senders of ours pass. `header` says which fields tell the result, "
     "\"spf\", \"auth\", \"both\" or \"none\"; an object alone names hosts that are not checked.",
     bind<&check_spf>},
    {"vsl.check_spf_inner", "", "map",
     "What SPF says of the sender: `result`, `cause`, and the same cause as `mechanism` or "
     "`problem`. Refuses nothing and writes nothing.",
     bind<&check_spf_inner>},
    {"vsl.verify_dkim", "", "map",
     "What the first five DKIM signatures of the message as it came are worth: `status`, `sdid`, "
     "`auid` of the first that passes, else of the last. The first call puts an "
     "Authentication-Results field on top.",
     bind<&verify_dkim>},
    {"vsl.dkim_verify", "", "map", "The same as verify_dkim().", bind<&verify_dkim>},
    {"vsl.sign_dkim", "selector: text, headers_field?: array, canonicalization?: text", "",
     "Puts a DKIM-Signature on top, with the key of the sender's domain if it is ours and has one, "
     "else with the server's. Without more than a selector it covers From, To, Date and Subject in "
     "the form simple/relaxed. Later changes of the message break it: sign last.",
     bind<&sign_dkim>},
    {"vsl.dkim_sign", "selector: text, headers_field?: array, canonicalization?: text", "",
     "The same as sign_dkim().", bind<&sign_dkim>},
    {"vsl.check_dmarc", "", "status",
     "Does what the author's domain asks for (DMARC) when neither SPF nor DKIM speaks for it: "
     "nothing, quarantine(\"dmarc\") or deny (550 5.7.26). A From field that can be read in two "
     "ways "
     "is denied, and what DNS does not answer (451 4.7.0).",
     bind<&check_dmarc>},
};

constexpr Allowed stages[] = {
    {"check_mail_relay", Stage::mail}, {"check_rcpt_relay", Stage::rcpt, Stage::rcpt},
    {"check_spf", Stage::mail},        {"check_spf_inner", Stage::mail},
    {"verify_dkim", Stage::message},   {"dkim_verify", Stage::message},
    {"sign_dkim", Stage::message},     {"dkim_sign", Stage::message},
    {"check_dmarc", Stage::message},
};

}  // namespace

Group security_functions() { return {functions, stages}; }

Task<void> gather(Context& context, Need needs) {
  const Need lacking = policy::missing(needs, context.evidence);
  if (lacking != Need::none) co_await context.inquiry.gather(lacking);
  demand(policy::missing(needs, context.evidence) == Need::none,
         "the verdict could not be found out");
}

void add_results(Context& context, std::vector<mailauth::ar::MethodResult> results) {
  Draft& draft = context.draft;
  const std::string& id = context.site.domain;
  const bool first = draft.results_of.insert(id).second;
  if (first && draft.has_message) erase_results(draft.header, draft.results_of);
  prepend_field(draft, "Authentication-Results",
                mailauth::ar::write({.authserv_id = id, .results = std::move(results)}));
}

}  // namespace postern::dialect::vsl
