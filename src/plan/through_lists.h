// Mail for a webhook that both versions have, as their lists and its policies judge it together:
// what DNS and policy servers have to answer, and who has to ask, so that lists let it through.
#pragma once

#include <memory>
#include <optional>

#include "plan/deadline.h"
#include "plan/player.h"

namespace postern::plan {

/// What is known of dialogues that one version takes and the other refuses.
struct ThroughLists {
  std::optional<Player::Played> shown;  ///< one, played on both
  bool none = false;                    ///< it is proved that there are none
  std::size_t played = 0;               ///< dialogues played on both versions
};

/// Looks for a dialogue with mail for `webhook`, which the directories of both versions have, that
/// one of them takes (`taker`: 0 is OLD) and the other refuses. Neither is set if lists cannot be
/// read so (docs/plan.md, "Not proved"), and at the end of `deadline`. Passwords are not told
/// apart: `same_passwords` says that a user has the same one in both versions, otherwise nothing is
/// proved.
ThroughLists search_through_lists(const Version& before, const Version& after,
                                  const mail::Mailbox& webhook, std::size_t taker,
                                  bool same_passwords, const Deadline& deadline);

}  // namespace postern::plan
