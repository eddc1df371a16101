#include "plan/webhooks.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "config/engine.h"
#include "dns/recorded_resolver.h"
#include "plan/behind.h"
#include "plan/conditions.h"
#include "plan/through_lists.h"

namespace postern::plan {

namespace {

using conditions::Holder;
using conditions::Said;

/// Plays on both versions.
class BothVersions {
 public:
  BothVersions(const Version& before, const Version& after)
      : versions_{&before, &after},
        engines_{app::engine_for(*before.config), app::engine_for(*after.config)} {}

  std::array<Side, 2> play(const Said& said) {
    std::array<Side, 2> sides;
    for (std::size_t i = 0; i < sides.size(); ++i) {
      sides[i] = side_of(app::play({.config = *versions_[i]->config,
                                    .engine = engines_[i],
                                    .directory = *versions_[i]->directory,
                                    .resolver = nobody_,
                                    .frozen = said.frozen},
                                   said.dialogue));
    }
    ++count;
    return sides;
  }

  std::size_t count = 0;  ///< of dialogues

 private:
  std::array<const Version*, 2> versions_;
  std::array<policy::Engine, 2> engines_;
  dns::RecordedResolver nobody_{{}};
};

class WebhookComparer {
 public:
  WebhookComparer(const Version& before, const Version& after, const WebhookOptions& options,
                  const Deadline& deadline)
      : before_(before),
        after_(after),
        options_(options),
        deadline_(deadline),
        versions_(before, after) {
    for (const Version* side : {&before, &after}) {
      const Deciding deciding = deciding_in(*side->config);
      if (deciding.scripts && others_.empty()) others_ = "the rules";
      if (deciding.lists != nullptr) others_ = "the lists";
    }
  }

  WebhookComparison run(const std::vector<std::string>& addresses) {
    for (const std::string& address : addresses) compare(address);
    found_.played = versions_.count;
    return std::move(found_);
  }

 private:
  static constexpr std::size_t most_tries = 16;

  /// What is the same for all addresses with the same two policies; OLD is the first.
  struct Pair {
    conditions::Values values;
    std::array<conditions::Takes, 2> takes;
  };
  /// The policies, and whether each takes mail.
  using PairKey =
      std::tuple<const policy::WebhookPolicy*, const policy::WebhookPolicy*, bool, bool>;
  /// Whether a webhook is there, else why not; whether others may take its mail, or its domain's.
  using State = std::tuple<bool, policy::Route::Missing, bool, bool>;
  /// One address.
  struct Asked {
    const std::string& text;
    mail::Mailbox mailbox;
    std::array<Holder, 2> holders;  ///< OLD is the first
    const Pair& pair;
    std::optional<ThroughLists> together = {};  ///< if lists may be looked through
  };
  /// Why nothing is known.
  struct Doubt {
    std::string reason;  ///< a word of docs/plan.md, "Not proved"
    std::string text;    ///< one sentence
  };

  void compare(const std::string& address) {
    mail::Mailbox mailbox = mail::parse_mailbox(address, mail::Utf8::allowed).value();
    std::array<Holder, 2> holders{conditions::holder_of(before_, mailbox),
                                  conditions::holder_of(after_, mailbox)};
    const PairKey key{holders[0].policy, holders[1].policy, holders[0].open, holders[1].open};
    const Pair& pair = pair_of(key, holders);
    Asked asked{.text = address,
                .mailbox = std::move(mailbox),
                .holders = std::move(holders),
                .pair = pair};
    const bool both_have_it = std::ranges::all_of(asked.holders, [](const Holder& holder) {
      return holder.recipient.route.webhook != nullptr;
    });
    if (options_.through_lists && both_have_it) {
      asked.together.emplace(before_, after_, asked.mailbox, deadline_);
    }
    const std::pair states{state_of(asked.holders[0]), state_of(asked.holders[1])};
    if (found_.replies != Known::yes && answered_.insert({key, states}).second) {
      widen(found_.replies, compare_codes(asked));
    }
    GroupAnswer answer;
    answer.refuses_more = ask(asked, 0, answer.refused);
    answer.accepts_more = ask(asked, 1, answer.accepted);
    found_.addresses.push_back({.address = address, .answer = std::move(answer)});
  }

  const Pair& pair_of(const PairKey& key, const std::array<Holder, 2>& holders) {
    const auto [known, is_new] = pairs_.try_emplace(key);
    Pair& pair = known->second;
    if (is_new) {
      pair.values = conditions::values_of(holders[0], holders[1]);
      for (std::size_t side = 0; side < 2; ++side) {
        pair.takes[side] = conditions::takes_of(pair.values, holders[side]);
      }
    }
    return pair;
  }

  static State state_of(const Holder& holder) {
    const policy::Route& route = holder.recipient.route;
    return State{route.webhook != nullptr, route.missing, holder.elsewhere, holder.domain};
  }

  /// Whether `taker` takes what the other version refuses, with a witness or the reason why that is
  /// not known.
  Known ask(Asked& asked, std::size_t taker, Differences& differences) {
    const DifferenceKind kind =
        taker == 0 ? DifferenceKind::refuses_more : DifferenceKind::accepts_more;
    const auto open = [&](Doubt doubt) {
      found_.not_proved.push_back({.group = asked.text,
                                   .direction = kind,
                                   .layer = "webhook",
                                   .place = "",
                                   .reason = std::move(doubt.reason),
                                   .text = std::move(doubt.text)});
      return Known::unknown;
    };
    if (deadline_.is_over()) return open({"budget_time", "the time of the comparison is over"});
    const conditions::Takes& one = asked.pair.takes[taker];
    const conditions::Takes& other = asked.pair.takes[1 - taker];
    const auto choices = conditions::choices_between(one, other, most_tries);
    for (const conditions::Choice& choice : choices) {
      Said said = conditions::said_in(asked.pair.values, choice, asked.mailbox);
      std::array<Side, 2> sides = versions_.play(said);
      if (!sides[taker].taken || sides[1 - taker].taken) continue;
      show(kind, std::move(said.spoken), std::move(sides));
      // Of lists that differ no condition on a part is known.
      if (options_.lists_differ) return Known::yes;
      if (!asked.holders[1 - taker].elsewhere) {
        differences = conditions::differences_between(asked.pair.values, one, other);
      }
      differences.by = others_;
      return Known::yes;
    }
    std::string over;
    if (asked.together && (!choices.empty() || options_.lists_differ)) {
      ThroughLists::Found passed = asked.together->find(taker);
      versions_.count += passed.played;
      found_.give_up.merge(passed.give_up);
      found_.names_like_networks = found_.names_like_networks || passed.names_like_networks;
      if (passed.shown) {
        add(kind, std::move(passed.shown->spoken), std::move(passed.shown->sides[0]),
            std::move(passed.shown->sides[1]));
        return Known::yes;
      }
      if (passed.none) return Known::no;
      over = std::move(passed.over);
    }
    auto doubt = choices.empty() ? doubt_without_difference(asked, taker, over)
                                 : std::optional(doubt_of_tried(asked, taker, over));
    return doubt ? open(std::move(*doubt)) : Known::no;
  }

  /// Of policies that differ, where no dialogue shows it. `over`: ThroughLists::Found::over.
  static Doubt doubt_of_tried(const Asked& asked, std::size_t taker, const std::string& over) {
    if (asked.holders[1 - taker].elsewhere) return left_to_others(1 - taker);
    if (!over.empty()) {
      return {over,
              "lists refuse what was tried, and looking for a dialogue that they let through needs "
              "more than the comparison may use"};
    }
    return {"witness_not_confirmed", "another layer refuses what was tried, on both sides"};
  }

  /// Where the policies themselves do not differ so; nullopt: nothing else does.
  std::optional<Doubt> doubt_without_difference(const Asked& asked, std::size_t taker,
                                                const std::string& over) const {
    const auto& [before, after] = asked.holders;
    if (asked.holders[taker].elsewhere) return left_to_others(taker);
    if (before.domain != after.domain && (before.others || after.others)) {
      return Doubt{"other_layers",
                   "one version has no webhook in the domain, and lists or rules may take mail for "
                   "other addresses there"};
    }
    if (asked.pair.takes[0].unknown != asked.pair.takes[1].unknown) {
      return Doubt{"other_layers", "a condition is not known to the comparison"};
    }
    if (!options_.lists_differ) return std::nullopt;
    if (!over.empty()) {
      return Doubt{over,
                   "what lists that differ let through for the webhook needs more than the "
                   "comparison may use"};
    }
    return Doubt{"other_layers",
                 "the lists differ, and what they let through for the webhook is not known"};
  }

  static Doubt left_to_others(std::size_t side) {
    return {"other_layers",
            fmt::format("in {} no webhook has the address, and lists, rules or what holds for a "
                        "postmaster may take its mail",
                        side == 0 ? "old" : "new")};
  }

  /// Whether what both refuse gets other codes.
  Known compare_codes(const Asked& asked) {
    const conditions::Answers answers =
        conditions::answers_of(asked.pair.takes[0], asked.pair.takes[1]);
    bool all = answers.all;
    for (const conditions::Choice& choice : answers.choices) {
      if (deadline_.is_over()) return Known::unknown;
      Said said = conditions::said_in(asked.pair.values, choice, asked.mailbox);
      std::array<Side, 2> sides = versions_.play(said);
      if (kind_of(outcome_of(sides[0]), outcome_of(sides[1])) == DifferenceKind::replies) {
        show(DifferenceKind::replies, std::move(said.spoken), std::move(sides));
        return Known::yes;
      }
      // What another layer refuses says nothing of the policies' codes.
      all = all && std::ranges::all_of(sides, [](const Side& side) {
              return side.taken || side.layer == "webhook" || side.layer == "gateway";
            });
    }
    // Of what no webhook has, other layers speak.
    const auto& [before, after] = asked.holders;
    const bool is_alone = !options_.lists_differ && !before.elsewhere && !after.elsewhere &&
                          before.domain == after.domain;
    return all && is_alone ? Known::no : Known::unknown;
  }

  /// A refusal of one side may come before STARTTLS.
  void show(DifferenceKind kind, Spoken spoken, std::array<Side, 2> sides) {
    spoken.tls = std::ranges::any_of(
        sides, [](const Side& side) { return side.trace->evidence.session.tls.has_value(); });
    add(kind, std::move(spoken), std::move(sides[0]), std::move(sides[1]));
  }
  void add(DifferenceKind kind, Spoken spoken, Side before, Side after) {
    found_.witnesses.push_back({.spoken = std::move(spoken),
                                .group = Group::ours,
                                .kind = kind,
                                .before = std::move(before),
                                .after = std::move(after)});
  }

  const Version& before_;
  const Version& after_;
  const WebhookOptions options_;
  const Deadline& deadline_;
  BothVersions versions_;
  std::string_view others_;  ///< that decide, too: "the lists"; "": nobody
  std::map<PairKey, Pair> pairs_;
  std::set<std::pair<PairKey, std::pair<State, State>>> answered_;  ///< by compare_codes()
  WebhookComparison found_;
};

}  // namespace

WebhookComparison compare_webhooks(const Version& before, const Version& after,
                                   const std::vector<std::string>& addresses,
                                   const WebhookOptions& options, const Deadline& deadline) {
  return WebhookComparer(before, after, options, deadline).run(addresses);
}

}  // namespace postern::plan
