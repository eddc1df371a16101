// All checks. Dialects refer to them, explanations print them; docs/checks.md and the labels of
// /metrics are generated from this list.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "policy/plan.h"

namespace postern::policy::checks {

// At RCPT.
extern const Check recipient_known;
extern const Check webhook_active;
extern const Check policy_loaded;
extern const Check client_in_networks;
extern const Check client_authenticated;
extern const Check rate_available;
extern const Check one_webhook_a_message;
extern const Check webhook_recipients;
// At the end of data.
extern const Check policy_in_force;
extern const Check recipient_still_owned;
extern const Check still_signed_in;
extern const Check spf_domain_listed;
extern const Check spf_authorised;
extern const Check dkim_signed;
extern const Check dmarc_aligned;
extern const Check dmarc_passed;
extern const Check received_loop;
extern const Check header_limits;

/// All checks, in the order in which the gateway runs them for a webhook's recipient.
std::span<const Check* const> all();
/// Null if there is no check of this name.
const Check* find(std::string_view name);
/// The check's name in delivery logs ("source_ip"); "" if it has none.
std::string_view control_of(std::string_view name);
/// An argument for people: "198.51.100.0/24, 203.0.113.7/32".
std::string describe(const Argument& argument);
/// The page docs/checks.md.
std::string manual();

}  // namespace postern::policy::checks
