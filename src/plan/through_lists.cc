#include "plan/through_lists.h"

#include <algorithm>
#include <array>

#include "config/room_options.h"
#include "dialect/restrictions/policy_words.h"
#include "plan/behind.h"
#include "plan/list_pair.h"
#include "policy/questions/dkim.h"
#include "policy/webhook.h"

namespace postern::plan {

namespace restrictions = dialect::restrictions;

namespace {

constexpr std::size_t most_nodes = 300'000;

}  // namespace

/// One pair of lists and policies, as diagrams.
class ThroughLists::Search {
 public:
  /// Throws NotCompiled, TooManyClasses and OverBudget.
  Search(const std::array<const Version*, 2>& sides, const mail::Mailbox& webhook,
         const Deadline& deadline)
      : sides_(sides),
        webhook_(webhook),
        deadline_(deadline),
        pair_(*sides[0], *sides[1]),
        diagrams_(most_nodes, [this] {
          if (deadline_.is_over()) throw OverBudget("budget_time");
        }) {
    prepare();
  }

  /// Throws OverBudget.
  Found run(std::size_t taker) {
    Found result;
    result.give_up = patterns_that_may_give_up(*vocabulary_);
    const Ref webhook = recipients();
    const Ref possible = diagrams_.both(webhook, vocabulary_->possible());
    const Ref assumed = diagrams_.both(webhook, vocabulary_->like_networks());
    Ref surely = diagrams_.leaf(0);
    bool perhaps = false;
    const bool one_identity = names_are_of_one();
    // Of clients at the address that they have reached no dialogue is played.
    for (std::size_t reached = 0; reached < lists_.size(); ++reached) {
      const Apart apart = between(taker, lists_[reached]);
      result.names_like_networks =
          result.names_like_networks || diagrams_.both(assumed, apart.perhaps) != diagrams_.leaf(0);
      // A user with the name but without the grant: who the lists take is all that is known.
      Ref open = diagrams_.both(possible, one_identity ? apart.perhaps : lists_[reached][taker]);
      perhaps = perhaps || cheapest(*vocabulary_, open);
      if (reached == 0) surely = diagrams_.both(possible, apart.surely);
    }
    result.none = !perhaps;
    if (result.none) return result;
    play(surely, taker, result);
    return result;
  }

 private:
  /// By version.
  using Lists = std::array<Ref, 2>;

  void prepare() {
    pair_.read();
    for (const ListPair::Unseen& one : pair_.unseen()) {
      if (!one.only_foreign) throw NotCompiled(one.reason, one.text);
    }
    FactWords facts;
    for (const Version* side : sides_) {
      const policy::Route route = side->directory->resolve(webhook_);
      add_words(*route.webhook, route.policy.get(), pair_.words(), facts);
      add_words(*side->config, facts);
    }
    if (!pair_.words().not_listed.empty()) {
      throw NotCompiled("external_table", *pair_.words().not_listed.begin());
    }
    vocabulary_ = pair_.vocabulary(diagrams_, std::string(webhook_tags));
    const auto mode = app::authentication_options(*sides_[0]->config).dmarc;
    if (mode != app::authentication_options(*sides_[1]->config).dmarc) {
      throw NotCompiled("other_layers", "[authentication]");
    }
    facts_.emplace(*vocabulary_, facts, mode);
    vocabulary_->to_webhooks(true);
    lists_.push_back(taken());
    if (pair_.asks_for_own_clients()) {
      vocabulary_->reach_themselves(true);
      lists_.push_back(taken());
      vocabulary_->reach_themselves(false);
    }
    for (std::size_t side = 0; side < 2; ++side) {
      behind_[side] =
          behind_lists(*sides_[side], deciding_in(*sides_[side]->config), *vocabulary_, *facts_);
    }
  }

  /// Where one version takes and the other refuses.
  struct Apart {
    Ref surely = 0;
    Ref perhaps = 0;
  };
  Apart between(std::size_t taker, const Lists& lists) {
    const auto negated = [&](Ref one) {
      return diagrams_.map(one, [](Leaf is) -> Leaf { return is == 1 ? 0 : 1; });
    };
    const std::size_t other = 1 - taker;
    const Ref taken = diagrams_.both(lists[taker], negated(behind_[taker].must));
    const Ref refused = negated(lists[other]);
    return {.surely = diagrams_.both(taken, diagrams_.either(refused, behind_[other].must)),
            .perhaps = diagrams_.both(taken, diagrams_.either(refused, behind_[other].may))};
  }

  /// Whether each name that lists or policies know is that of one identity, the same in both
  /// versions: no other policy has the user, nor any other source.
  bool names_are_of_one() {
    constexpr std::size_t every = 256;
    std::set<std::string> names = pair_.words().logins;
    std::array<policy::Route, 2> routes;
    bool have_users = false;
    for (std::size_t side = 0; side < 2; ++side) {
      routes[side] = sides_[side]->directory->resolve(webhook_);
      if (routes[side].policy == nullptr) continue;
      for (const policy::Credential& one : routes[side].policy->credentials) {
        names.insert(one.username);
        have_users = true;
      }
    }
    if (!have_users) return true;
    for (std::size_t side = 0; side < 2; ++side) {
      if (!sides_[side]->config->auth.sources.empty()) return false;
    }
    return std::ranges::all_of(names, [&](const std::string& name) {
      std::array<std::set<std::uint64_t>, 2> stamps;
      for (std::size_t side = 0; side < 2; ++side) {
        for (const auto& match : sides_[side]->directory->credentials(name, every)) {
          const auto& own = routes[side].policy;
          if (own == nullptr || match.policy->id != own->id) return false;
          stamps[side].insert(match.stamp);
        }
      }
      return stamps[0] == stamps[1] && stamps[0].size() <= 1;
    });
  }

  /// 1 where the lists of a version take the mail.
  Lists taken() {
    const auto& lists = pair_.lists();
    if (lists[0] && lists[1]) {
      const Lists both = pair_.compile(*vocabulary_);
      return {is_taken(both[0]), is_taken(both[1])};
    }
    Lists made{diagrams_.leaf(1), diagrams_.leaf(1)};
    for (std::size_t side = 0; side < 2; ++side) {
      if (lists[side]) made[side] = is_taken(pair_.compile(side, *vocabulary_));
    }
    return made;
  }
  Ref is_taken(Ref outcomes) {
    return diagrams_.map(outcomes, [this](Leaf number) -> Leaf {
      return vocabulary_->outcome(number).taken ? 1 : 0;
    });
  }

  /// 1 for the addresses of the webhook.
  Ref recipients() {
    std::vector<Ref> children;
    for (const AddressClass& recipient : vocabulary_->classes().recipients) {
      children.push_back(diagrams_.leaf(is_of_webhook(*recipient.one) ? 1 : 0));
    }
    return diagrams_.choose(Vocabulary::variable(Axis::recipient), children);
  }

  /// In a version at least.
  bool is_of_webhook(const mail::Mailbox& recipient) const {
    return std::ranges::any_of(sides_, [&](const Version* side) {
      const policy::Route route = app::route_of(recipient, *side->directory, *side->config);
      const std::string& own = side->directory->resolve(webhook_).webhook->id;
      return route.webhook && route.webhook->id == own;
    });
  }

  void play(Ref left, std::size_t taker, Found& result) {
    constexpr int most_tries = 8;
    Player player(*vocabulary_, {sides_[0], sides_[1]}, deadline_);
    player.use(facts_->world());
    for (int attempt = 0; attempt < most_tries && !result.shown; ++attempt) {
      const auto path = cheapest(*vocabulary_, left);
      if (!path) break;
      result.shown = player.play(*path, {.about =
                                             [&](const policy::Evidence& one) {
                                               return is_of_webhook(one.candidate->address);
                                             },
                                         .holds =
                                             [&](const std::vector<Side>& sides) {
                                               return sides[taker].taken && !sides[1 - taker].taken;
                                             }});
      left = without(diagrams_, left, *path);
    }
    result.played = player.count();
    if (result.shown) add_facts(result.shown->sides[taker].trace->evidence, result.shown->spoken);
  }

  /// What was found out about the message that was taken.
  static void add_facts(const policy::Evidence& evidence, Spoken& spoken) {
    if (!evidence.spf && !evidence.dkim) return;
    spoken.spf =
        evidence.spf ? std::string(mailauth::spf::to_string(evidence.spf->status)) : "none";
    if (evidence.dkim) {
      const auto domains = policy::questions::vouching_domains(evidence);
      if (!domains.empty()) spoken.dkim = *domains.begin();
    }
    const bool by_sender = spoken.dkim || *spoken.spf == "pass";
    if (by_sender && std::ranges::find(spoken.needs, "sender_dns") == spoken.needs.end()) {
      spoken.needs.insert(spoken.needs.begin() + 1, "sender_dns");
    }
  }

  const std::array<const Version*, 2> sides_;
  const mail::Mailbox& webhook_;
  const Deadline& deadline_;
  ListPair pair_;
  Diagrams diagrams_;
  std::unique_ptr<Vocabulary> vocabulary_;
  std::optional<Facts> facts_;
  std::vector<Lists> lists_;  ///< 1 where they take; second of clients that reach themselves
  std::array<Behind, 2> behind_;
};

ThroughLists::ThroughLists(const Version& before, const Version& after,
                           const mail::Mailbox& webhook, const Deadline& deadline)
    : sides_{&before, &after}, webhook_(webhook), deadline_(deadline) {}

ThroughLists::~ThroughLists() = default;

ThroughLists::Found ThroughLists::find(std::size_t taker) {
  Found found;
  if (is_unreadable_) return found;
  try {
    if (!search_) search_ = std::make_unique<Search>(sides_, webhook_, deadline_);
    return search_->run(taker);
  } catch (const NotCompiled&) {
    is_unreadable_ = true;
  } catch (const TooManyClasses&) {
    is_unreadable_ = true;
  } catch (const OverBudget& error) {
    found.over = error.what();
  }
  return found;
}

}  // namespace postern::plan
