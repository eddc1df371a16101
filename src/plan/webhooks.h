// What an edit of webhooks and their policies does: the conditions of a policy are independent
// parts of the dialogue, and each version of a webhook takes what fulfils all of them
// (docs/plan.md, "Webhook policies").
#pragma once

#include <set>
#include <string>
#include <vector>

#include "plan/compare.h"
#include "plan/deadline.h"
#include "plan/player.h"

namespace postern::plan {

/// What a comparison of webhooks found.
struct WebhookComparison {
  std::vector<WebhookAnswer> addresses;  ///< as they were asked
  std::vector<Witness> witnesses;        ///< one for each `yes`
  Known replies = Known::no;             ///< whether what both refuse gets other codes
  std::vector<NotProved> not_proved;     ///< one for each `unknown`
  std::size_t played = 0;                ///< dialogues played on both versions
  std::set<std::string> give_up;         ///< as Comparison::give_up
  bool names_like_networks = false;      ///< as Comparison::names_like_networks
};

/// What is compared besides the policies.
struct WebhookOptions {
  /// Where lists refuse what is tried, a dialogue is looked for that they let through. That says
  /// what is in the lists, so it is not for tenants.
  bool through_lists = true;
  /// The lists of the versions are not the same: what they let through is compared, too, and
  /// nothing is proved without `through_lists`.
  bool lists_differ = false;
};

/// Compares what both versions take for these addresses. An address that a version does not know is
/// one that takes nothing. `addresses`: local@domain, valid; each stands once. Blocks until
/// `deadline` at most, and the time of one dialogue. Sends nothing.
WebhookComparison compare_webhooks(const Version& before, const Version& after,
                                   const std::vector<std::string>& addresses,
                                   const WebhookOptions& options, const Deadline& deadline);

}  // namespace postern::plan
