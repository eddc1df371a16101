#include "dialect/vsl/library.h"
#include "dialect/vsl/security.h"
#include "dialect/vsl/watch.h"
#include "mailauth/ar/write.h"

namespace postern::dialect::vsl {

namespace {

using policy::Need;
using policy::Stage;
using script::bind;
using script::bind_soon;
using script::demand;

constexpr std::string_view sign_parameters =
    "selector: text|map, headers_field?: array|map, canonicalization?: text|array, form?: text";

constexpr script::HostFunction security_rows[] = {
    {"vsl.check_mail_relay", "allowed_hosts: object|string|array", "status",
     "Denies (554 5.7.1) a sender of one of our domains unless the client authenticated or is one "
     "of "
     "the hosts: addresses, ranges, names (by their addresses in DNS), groups and files of them.",
     bind_soon<&check_mail_relay>},
    {"vsl.check_rcpt_relay", "allowed_hosts: object|string|array", "status",
     "Refuses (554 5.7.1) this recipient if its domain is not ours, unless the client "
     "authenticated or is one of the hosts, whose mail is relayed. Other recipients are not "
     "affected.",
     bind_soon<&check_rcpt_relay>},
    {"vsl.check_spf", "header: text, policy?: 'strict'|'soft'", "status",
     "Denies mail that SPF rejects: fail (550 5.7.23), with \"strict\" also softfail, and errors "
     "(451 4.7.24, 550 5.7.24); senders of ours pass. `header` names the fields that report the "
     "result: \"spf\", \"auth\", \"both\" or \"none\". An object as the only argument names hosts "
     "that are not checked.",
     bind<&check_spf>},
    {"vsl.check_spf_inner", "", "map",
     "The result of SPF for the sender: `result`, `cause`, and the same cause as `mechanism` or "
     "`problem`. Neither refuses mail nor adds a field.",
     bind<&check_spf_inner>},
    {"vsl.verify_dkim", "", "map",
     "The result of the first five DKIM signatures of the message as received: `status`, `sdid`, "
     "`auid` of the first that passes, else of the last. The first call adds an "
     "Authentication-Results field at the top.",
     bind<&verify_dkim>},
    {"vsl.dkim_verify", "", "map", "The same as verify_dkim().", bind<&verify_dkim>},
    {"vsl.sign_dkim", sign_parameters, "",
     "Adds a DKIM-Signature at the top, with the key of the sender's domain if it is ours and has "
     "one, else with the server's. With only a selector it covers From, To, Date and Subject in "
     "the form simple/relaxed. Later changes of the message break it: sign last. A key of "
     "get_private_keys() may stand after the selector; the only argument may also be a map with "
     "`selector`, `private_key`, `sdid`, `headers` and `canonicalization`.",
     bind<&sign_dkim>},
    {"vsl.dkim_sign", sign_parameters, "", "The same as sign_dkim().", bind<&sign_dkim>},
    {"vsl.get_private_keys", "domain: text", "array",
     "The keys of a domain of ours, for sign_dkim(): one, or none. The key itself stays with the "
     "gateway.",
     bind<&private_keys>},
    {"vsl.check_dmarc", "", "status",
     "Applies the DMARC policy of the author's domain if neither SPF nor DKIM authenticates it: "
     "nothing, quarantine(\"dmarc\") or deny (550 5.7.26). An ambiguous From field is denied; so "
     "is a message for which DNS does not answer (451 4.7.0).",
     bind<&check_dmarc>},
};

constexpr Allowed security_stages[] = {
    {"check_mail_relay", Stage::mail}, {"check_rcpt_relay", Stage::rcpt, Stage::rcpt},
    {"check_spf", Stage::mail},        {"check_spf_inner", Stage::mail},
    {"verify_dkim", Stage::message},   {"dkim_verify", Stage::message},
    {"sign_dkim", Stage::message},     {"dkim_sign", Stage::message},
    {"check_dmarc", Stage::message},
};

}  // namespace

Group security_functions() { return {security_rows, security_stages}; }

void need_message(Context& context) {
  if (context.stage < Stage::message) too_early("mail", "preq");
  // A replay has no message, but the record has what was read of it.
  if (context.draft.has_message || context.inquiry.tape.playing) return;
  demand(context.inquiry.message().has_value(), "the message is not there");
}

Task<void> gather(Context& context, Need needs) {
  if (Watch* watch = watching()) watch->gathers(needs);
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
