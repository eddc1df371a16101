// What the layers behind the restriction lists refuse: policies of webhooks, the gateway itself.
// Scripts may do anything (docs/guardrails.md, "What is proved").
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "dialect/restrictions/policy_words.h"
#include "plan/facts.h"
#include "plan/player.h"
#include "policy/webhook.h"

namespace postern::plan {

/// 1 where they refuse what the lists take.
struct Behind {
  Ref must = 0;  ///< in any case
  Ref may = 0;   ///< in any case, or if something that is not known here is so
};

/// What decides in a version, besides its lists.
struct Deciding {
  const dialect::restrictions::ListPolicy* lists = nullptr;  ///< null: none, or in shadow
  bool scripts = false;                                      ///< .vsl or Lua decides, too
};
/// Of a version.
Deciding deciding_in(const app::Config& config);

/// The rules of a webhook's policy, in the order of the stages; none in shadow mode, which refuses
/// nothing. `policy` may be null; the rules live as long as it.
std::vector<const policy::Rule*> refusing_rules(const policy::WebhookPolicy* policy);
/// Whether a webhook refuses all mail, whatever its policy says: it is not active, or its policy is
/// not loaded.
bool refuses_all(const policy::Recipient& recipient);

/// Whether a route may refuse mail at RCPT (`to = ["error:…"]`).
bool routes_refuse(const app::Config& config);
/// Whether a version may take mail for a recipient that no webhook has: as its lists, its rules or
/// the rule about postmasters say. False: it is refused in every dialogue. `route`:
/// app::route_of().
bool may_be_taken(const Deciding& deciding, const mail::Mailbox& recipient,
                  const policy::Route& route);

/// The sign of the tags of webhooks' addresses, which are theirs, too: a delimiter of extensions
/// wherever a webhook takes part (docs/webhook-policies.md).
inline constexpr std::string_view webhook_tags = "+";
/// Adds the words of a webhook: its address, and what its policy tells apart. `policy`: may be
/// null.
void add_words(const policy::Webhook& webhook, const policy::WebhookPolicy* policy,
               dialect::restrictions::PolicyWords& words, FactWords& facts);
/// The same for the gateway's own checks.
void add_words(const app::Config& config, FactWords& facts);

/// The diagrams. Throws NotCompiled and OverBudget.
Behind behind_lists(const Version& version, const Deciding& deciding, Vocabulary& vocabulary,
                    Facts& facts);

}  // namespace postern::plan
