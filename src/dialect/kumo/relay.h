// Whether a client may relay: asked at RCPT, and again for what hooks made of a message.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dialect/kumo/context.h"
#include "dialect/kumo/listener.h"
#include "dialect/kumo/message.h"
#include "dialect/kumo/policy.h"
#include "policy/relaying.h"
#include "policy/ruling.h"
#include "policy/verdict.h"

namespace postern::dialect::kumo {

/// The outcome of ask_relay().
struct RelayAnswer {
  std::string why;  ///< for the trace; empty: the client may not relay there
  /// Whether it is the client or the domain that is allowed.
  policy::Grant by = policy::Grant::client;
  bool by_network = false;        ///< the client is in relay_hosts
  Reports oob = Reports::ignore;  ///< for bounces to the domain
  Reports arf = Reports::ignore;  ///< for complaints to the domain
  /// Whether reports to the domain are accepted.
  bool takes_reports() const { return oob != Reports::ignore || arf != Reports::ignore; }
};

/// Checks relay_hosts, then the result of `get_listener_domain` for the sender's domain and for
/// `domain`; if the policy does not handle that event, relay_to of the configuration. Refuses if a
/// handler refused or failed. Nothing is cached, because the client may have authenticated since
/// the last call.
Task<policy::Verdict> ask_relay(const LuaPolicy& policy, Context& context, policy::Stage stage,
                                const std::optional<mail::Mailbox>& sender, std::string domain,
                                std::vector<policy::Step>& steps, RelayAnswer& answer);

/// At RCPT, for a candidate without a route: adds a GrantRelay to `effects` if the client may send
/// to its domain or if reports are accepted for it.
Task<policy::Verdict> give_route(const LuaPolicy& policy, Context& context,
                                 std::vector<policy::Step>& steps,
                                 std::vector<policy::Effect>& effects);

/// Whether hooks could have opened a relay with this message: keep_relay_closed() must then be
/// asked.
bool may_open_relay(const LuaPolicy& policy, const MessageDraft& draft);
/// For a message as hooks left it. Calls `get_listener_domain` again for the domains that it
/// allowed at RCPT and for those of new recipients that are not ours. Refuses if the client may not
/// send there, or if only reports are accepted there and the message is none. A report that is only
/// logged loses its recipients.
Task<policy::Verdict> keep_relay_closed(const LuaPolicy& policy, Context& context,
                                        MessageDraft& draft, std::vector<policy::Step>& steps);

}  // namespace postern::dialect::kumo
