// Whether mail is passed on: asked at RCPT, and once more about what hooks made of a message.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dialect/kumo/context.h"
#include "dialect/kumo/listener.h"
#include "dialect/kumo/message.h"
#include "dialect/kumo/policy.h"
#include "policy/verdict.h"

namespace postern::dialect::kumo {

struct RelayAnswer {
  std::string why;          ///< empty: nothing lets this client relay there
  bool by_network = false;  ///< relay_hosts has the client
  Reports oob = Reports::ignore;
  Reports arf = Reports::ignore;
  bool takes_reports() const { return oob != Reports::ignore || arf != Reports::ignore; }
};

/// relay_hosts, else what `get_listener_domain` says of the sender's domain, then of `domain`, else
/// relay_to of the configuration. Refuses when a handler refused or failed. Asked anew each time:
/// an identity may have come since the last.
Task<policy::Verdict> ask_relay(const Policy& policy, Context& context, policy::Stage stage,
                                const std::optional<mail::Mailbox>& sender, std::string domain,
                                std::vector<policy::Step>& steps, RelayAnswer& answer);

/// At RCPT: the candidate, who is nobody's here, gets a route if the client may send there, or if
/// reports are taken for the domain.
Task<policy::Verdict> give_route(const Policy& policy, Context& context,
                                 std::vector<policy::Step>& steps);

/// Of a message as hooks left it. `get_listener_domain` is asked again about the domains that it
/// let pass at RCPT, and about those of new recipients who are not ours. Refuses what the client
/// may not send there, and what is no report where reports alone are taken. A report that is only
/// logged loses its recipients.
Task<policy::Verdict> keep_relay_closed(const Policy& policy, Context& context, MessageDraft& draft,
                                        std::vector<policy::Step>& steps);

}  // namespace postern::dialect::kumo
