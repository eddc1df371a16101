#include "plan/through_lists.h"

#include <algorithm>
#include <array>

#include "config/room_options.h"
#include "plan/behind.h"
#include "plan/list_pair.h"
#include "policy/questions/dkim.h"
#include "policy/webhook.h"

namespace postern::plan {

namespace {

constexpr std::size_t most_nodes = 300'000;

/// One search.
class Search {
 public:
  Search(const Version& before, const Version& after, const mail::Mailbox& webhook,
         const Deadline& deadline)
      : sides_{&before, &after},
        webhook_(webhook),
        deadline_(deadline),
        pair_(before, after),
        diagrams_(most_nodes, [this] {
          if (deadline_.is_over()) throw OverBudget("budget_time");
        }) {}

  ThroughLists run(std::size_t taker, bool same_passwords) {
    ThroughLists result;
    const std::array<Behind, 2> behind = prepare();
    const auto negated = [&](Ref one) {
      return diagrams_.map(one, [](Leaf is) -> Leaf { return is == 1 ? 0 : 1; });
    };
    const Ref asked = diagrams_.both(recipients(), vocabulary_->possible());
    const Ref taken =
        diagrams_.both(asked, diagrams_.both(lists_of(taker), negated(behind[taker].must)));
    const std::size_t other = 1 - taker;
    const Ref refused_by_lists = negated(lists_of(other));
    const Ref perhaps =
        diagrams_.both(taken, diagrams_.either(refused_by_lists, behind[other].may));
    if (perhaps == diagrams_.leaf(0)) {
      result.none = same_passwords;
      return result;
    }
    play(diagrams_.both(taken, diagrams_.either(refused_by_lists, behind[other].must)), taker,
         result);
    return result;
  }

 private:
  std::array<Behind, 2> prepare() {
    pair_.read();
    FactWords facts;
    for (const Version* side : sides_) {
      const policy::Route route = side->directory->resolve(webhook_);
      add_words(*route.webhook, route.policy.get(), pair_.words(), facts);
      add_words(*side->config, facts);
    }
    if (!pair_.words().not_listed.empty()) {
      throw NotCompiled("external_table", *pair_.words().not_listed.begin());
    }
    vocabulary_ = pair_.vocabulary(diagrams_);
    const auto mode = app::authentication_options(*sides_[0]->config).dmarc;
    if (mode != app::authentication_options(*sides_[1]->config).dmarc) {
      throw NotCompiled("other_layers", "[authentication]");
    }
    facts_.emplace(*vocabulary_, facts, mode);
    vocabulary_->to_webhooks(true);
    std::array<Behind, 2> behind;
    for (std::size_t side = 0; side < 2; ++side) {
      behind[side] =
          behind_lists(*sides_[side], deciding_in(*sides_[side]->config), *vocabulary_, *facts_);
    }
    return behind;
  }

  /// 1 where the lists of a version take the mail.
  Ref lists_of(std::size_t side) {
    if (!pair_.lists()[side]) return diagrams_.leaf(1);
    return diagrams_.map(pair_.compile(side, *vocabulary_), [this](Leaf number) -> Leaf {
      return vocabulary_->outcome(number).taken ? 1 : 0;
    });
  }

  /// 1 for the addresses of the webhook.
  Ref recipients() {
    std::array<std::string, 2> own;
    for (std::size_t side = 0; side < own.size(); ++side) {
      own[side] = sides_[side]->directory->resolve(webhook_).webhook->id;
    }
    std::vector<Ref> children;
    for (const AddressClass& recipient : vocabulary_->classes().recipients) {
      bool is_here = false;
      for (std::size_t side = 0; side < own.size(); ++side) {
        const policy::Route route =
            app::route_of(*recipient.one, *sides_[side]->directory, *sides_[side]->config);
        is_here = is_here || (route.webhook && route.webhook->id == own[side]);
      }
      children.push_back(diagrams_.leaf(is_here ? 1 : 0));
    }
    return diagrams_.choose(Vocabulary::variable(Axis::recipient), children);
  }

  void play(Ref left, std::size_t taker, ThroughLists& result) {
    constexpr int most_tries = 8;
    Player player(*vocabulary_, {sides_[0], sides_[1]}, deadline_);
    player.use(facts_->world());
    for (int attempt = 0; attempt < most_tries && !result.shown; ++attempt) {
      const auto path = cheapest(*vocabulary_, left);
      if (!path) break;
      result.shown = player.play(*path, {.about = [](const policy::Evidence&) { return true; },
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
  const Deadline deadline_;
  ListPair pair_;
  Diagrams diagrams_;
  std::unique_ptr<Vocabulary> vocabulary_;
  std::optional<Facts> facts_;
};

}  // namespace

ThroughLists search_through_lists(const Version& before, const Version& after,
                                  const mail::Mailbox& webhook, std::size_t taker,
                                  bool same_passwords, const Deadline& deadline) {
  try {
    return Search(before, after, webhook, deadline).run(taker, same_passwords);
  } catch (const NotCompiled&) {
    return {};
  } catch (const TooManyClasses&) {
    return {};
  } catch (const OverBudget&) {
    return {};
  }
}

}  // namespace postern::plan
