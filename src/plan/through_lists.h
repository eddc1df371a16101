// Mail for a webhook that both versions have, as their lists and its policies judge it together:
// what DNS and policy servers have to answer, and who has to ask, so that lists let it through.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "plan/deadline.h"
#include "plan/player.h"

namespace postern::plan {

/// The lists of two versions in front of one webhook. Made when it is first asked. Not thread-safe.
class ThroughLists {
 public:
  /// The directories of both versions have `webhook`. All outlive this object.
  ThroughLists(const Version& before, const Version& after, const mail::Mailbox& webhook,
               const Deadline& deadline);
  ~ThroughLists();
  ThroughLists(const ThroughLists&) = delete;
  ThroughLists& operator=(const ThroughLists&) = delete;

  /// What is known of dialogues that one version takes and the other refuses.
  struct Found {
    std::optional<Player::Played> shown = {};  ///< one, played on both
    bool none = false;                         ///< it is proved that there are none
    std::size_t played = 0;                    ///< dialogues played on both versions
    std::string over = {};  ///< "budget_time" or "budget_nodes": it was not looked for to the end
    std::set<std::string> give_up = {};  ///< as Comparison::give_up
    bool names_like_networks = false;    ///< as Comparison::names_like_networks
  };
  /// Of those that `taker` takes (0 is OLD). Neither `shown` nor `none` if lists cannot be read so
  /// (docs/plan.md, "Not proved"). Nothing is proved where one name may be that of two identities:
  /// a user whose password differs, or who is known elsewhere, too.
  Found find(std::size_t taker);

 private:
  class Search;
  const std::array<const Version*, 2> sides_;
  const mail::Mailbox& webhook_;
  const Deadline& deadline_;
  std::unique_ptr<Search> search_;
  bool is_unreadable_ = false;
};

}  // namespace postern::plan
