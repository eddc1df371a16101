#include "plan/routes.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "dialect/restrictions/layer.h"
#include "explain/next_hops.h"
#include "plan/behind.h"
#include "plan/list_pair.h"
#include "plan/vsl_explore.h"

namespace postern::plan {

namespace restrictions = dialect::restrictions;

namespace {

/// The quarantine that a rule has named; empty: none is named.
std::string quarantine_of(const policy::Trace& trace) {
  for (const policy::Decision& decision : trace.decisions) {
    if (!decision.quarantine) continue;
    for (const policy::Step& step : decision.steps) {
      const bool names = step.verdict.kind == policy::Verdict::Kind::quarantine;
      if (step.enforced && names) return *decision.quarantine;
    }
  }
  return {};
}

/// Where a version takes a message; nullopt: it does not, or it is not known. What scripts have
/// made of the message, its recipients and their next hops is not followed.
std::optional<std::string> next_hop_of(const Side& side, const app::NextHops& hops) {
  if (!side.taken || side.handling == "discard" || !side.trace) return std::nullopt;
  const policy::Evidence& evidence = side.trace->evidence;
  if (evidence.recipients.empty()) return std::nullopt;
  if (!std::ranges::all_of(evidence.copies, &policy::ScriptCopy::is_as_it_came)) {
    return std::nullopt;
  }
  const policy::Recipient& to = evidence.recipients.front();
  if (to.route.webhook) return to.route.webhook->address;
  return hops.of(to.address, evidence.reverse_path);
}

void add_hop_words(const app::NextHops& hops, restrictions::PolicyWords& words) {
  app::NextHops::Keys keys = hops.keys();
  words.recipient_keys.merge(keys.recipients);
  words.sender_keys.merge(keys.senders);
}

class RouteComparer {
 public:
  RouteComparer(const Version& before, const Version& after, const CompareOptions& options,
                const Deadline& deadline, Comparison& found)
      : sides_{&before, &after},
        options_(options),
        deadline_(deadline),
        found_(found),
        hops_{app::NextHops(*before.config), app::NextHops(*after.config)},
        pair_(before, after),
        diagrams_(options.nodes, [this] {
          if (deadline_.is_over()) throw OverBudget("budget_time");
        }) {}

  void run(const std::set<std::string>& webhooks) {
    try {
      by_routes(webhooks);
    } catch (const TooManyClasses& error) {
      leave_open("table_too_large", error.what());
    } catch (const NotCompiled& error) {
      leave_open(error.reason, error.what());
    } catch (const OverBudget& error) {
      leave_open(error.what(), "the comparison of routes needs more than it may use");
    }
    by_scripts();
    for (const Elsewhere& one : options_.elsewhere) {
      if (one.what == "route" || one.what == "vsl" || known_ != Known::no) continue;
      leave_open(one.reason, sentence_of(one));
    }
    found_.routes = known_;
  }

 private:
  void leave_open(const std::string& reason, const std::string& text) {
    if (known_ == Known::yes) return;
    known_ = Known::unknown;
    found_.not_proved.push_back({.group = "",
                                 .direction = DifferenceKind::routes,
                                 .layer = "routes",
                                 .place = "",
                                 .reason = reason,
                                 .text = text});
  }

  void by_routes(const std::set<std::string>& webhooks) {
    std::optional<NotCompiled> not_read;
    try {
      pair_.read();
    } catch (const NotCompiled& error) {
      not_read = error;
    }
    for (const app::NextHops& one : hops_) add_hop_words(one, pair_.words());
    vocabulary_ = pair_.vocabulary(diagrams_);
    player_ = std::make_unique<Player>(
        *vocabulary_, std::vector<const Version*>{sides_[0], sides_[1]}, deadline_);
    for (const std::string& address : webhooks) by_webhook(address);
    if (known_ != Known::yes) by_classes(not_read);
    if (known_ != Known::yes) by_postmaster();
  }

  /// `not_read`: why the lists say nothing; nullopt: they do.
  void by_classes(const std::optional<NotCompiled>& not_read) {
    const Ref differ = other_hops();
    if (differ == diagrams_.leaf(0)) return;
    try {
      if (not_read) throw NotCompiled(*not_read);
      search(taken_by_both(differ), "witness_not_confirmed",
             "the dialogues found go the same way when played: a fault of Postern");
    } catch (const NotCompiled& error) {
      search(differ, error.reason, error.what());
      return;
    }
    if (known_ == Known::yes || options_.lists_are_equal) return;
    std::vector<ListPair::Unseen> all = pair_.answers_otherwise();
    for (const auto& one : {pair_.probe_sender(), pair_.told_otherwise()}) {
      if (one) all.push_back(*one);
    }
    for (const ListPair::Unseen& one : all) leave_open(one.reason, one.text);
  }

  /// Whether the routes lead elsewhere, and neither version refuses the recipient because of them.
  bool differ_for(const mail::Mailbox& to, const std::optional<mail::Mailbox>& from) {
    diagrams_.poll();
    if (hops_[0].of_all_like(to, from) == hops_[1].of_all_like(to, from)) return false;
    return !hops_[0].refusal(to) && !hops_[1].refusal(to);
  }

  /// 1 where they lead elsewhere.
  Ref other_hops() {
    const Classes& classes = vocabulary_->classes();
    const bool by_sender =
        std::ranges::any_of(hops_, [](const auto& one) { return one.keys().by_sender; });
    const auto from = [&](const std::optional<mail::Mailbox>& sender) {
      std::vector<Ref> by_recipient;
      for (const AddressClass& to : classes.recipients) {
        by_recipient.push_back(diagrams_.leaf(differ_for(*to.one, sender) ? 1 : 0));
      }
      return diagrams_.choose(Vocabulary::variable(Axis::recipient), by_recipient);
    };
    if (!by_sender) return from(std::nullopt);
    std::vector<Ref> senders;
    for (const AddressClass& sender : classes.senders) senders.push_back(from(sender.one));
    return diagrams_.choose(Vocabulary::variable(Axis::sender), senders);
  }

  /// Where `differ` is 1, and the lists of both versions let the mail be delivered. What is behind
  /// them takes no more.
  Ref taken_by_both(Ref differ) {
    std::array<Ref, 2> taken = delivered();
    const auto is_this_host = [](const auto& lists) { return lists->own_everywhere; };
    if (std::ranges::any_of(pair_.lists(), is_this_host)) {
      // A client that has connected to its own address is this host, whatever the address is.
      vocabulary_->reach_themselves(true);
      const std::array<Ref, 2> own = delivered();
      vocabulary_->reach_themselves(false);
      for (std::size_t side = 0; side < 2; ++side) {
        taken[side] = diagrams_.either(taken[side], own[side]);
      }
    }
    for (std::size_t side = 0; side < 2; ++side) {
      const TakesLiteral takes = takes_literal(*sides_[side]->config);
      std::vector<Ref> goes_on;
      for (const AddressClass& to : vocabulary_->classes().recipients) {
        const bool is_refused = to.one->domain.starts_with('[') && !takes(*to.one);
        goes_on.push_back(diagrams_.leaf(is_refused ? 0 : 1));
      }
      const Ref recipients = diagrams_.choose(Vocabulary::variable(Axis::recipient), goes_on);
      differ = diagrams_.both(differ, diagrams_.both(taken[side], recipients));
    }
    if (options_.only) {
      const Leaf wanted = static_cast<Leaf>(*options_.only);
      differ = diagrams_.apply(
          differ, pair_.groups(*vocabulary_),
          [wanted](Leaf is, Leaf group) -> Leaf { return group == wanted ? is : 0; });
    }
    return diagrams_.both(differ, vocabulary_->possible());
  }

  std::array<Ref, 2> delivered() {
    std::array<Ref, 2> compiled = pair_.compile(*vocabulary_);
    for (Ref& one : compiled) {
      one = diagrams_.map(one, [&](Leaf leaf) -> Leaf {
        const Outcome& outcome = vocabulary_->outcome(leaf);
        return outcome.taken && !outcome.discard ? 1 : 0;
      });
    }
    return compiled;
  }

  /// Plays what is 1 in the diagram. If nothing is shown, that is open for this reason.
  void search(Ref left, std::string reason, std::string text) {
    constexpr int most_tries = 16;
    bool any = false;
    for (int tries = 0; tries < most_tries; ++tries) {
      const auto path = cheapest(*vocabulary_, left);
      if (!path) break;
      any = true;
      if (shown(*path)) return;
      explain(*path, reason, text);
      left = without(diagrams_, left, *path);
    }
    if (!any) return;
    const bool scripts = std::ranges::any_of(
        sides_, [](const Version* side) { return deciding_in(*side->config).scripts; });
    const bool webhooks = std::ranges::any_of(
        sides_, [](const Version* side) { return side->directory->webhook_count() > 0; });
    if (reason == "witness_not_confirmed" && (scripts || webhooks)) {
      reason = "other_layers";
      text = "the dialogues found go the same way with what is behind the lists";
    }
    if (reason == "witness_not_confirmed") note_unconfirmed();
    leave_open(reason, text);
  }

  /// What the path hangs on that cannot be answered.
  void explain(const Assignment& path, std::string& reason, std::string& text) const {
    const Classes& classes = vocabulary_->classes();
    const auto value = [&](Axis axis) {
      const std::size_t given = path[Vocabulary::variable(axis)];
      return given == any_value ? 0 : given;
    };
    std::string hangs_on;
    for (const app::NextHops& one : hops_) {
      const std::string table = one.unlisted_table(*classes.recipients[value(Axis::recipient)].one,
                                                   classes.senders[value(Axis::sender)].one);
      if (!table.empty()) hangs_on = table;
    }
    if (const OpenQuestion* question = opaque_on(*vocabulary_, path)) {
      hangs_on = name_of(*question);
      if (question->pattern) reason = "opaque_pattern";
    }
    if (hangs_on.empty()) return;
    if (reason != "opaque_pattern") reason = "external_table";
    text = fmt::format("it hangs on {}, and no dialogue was found that shows it", hangs_on);
  }

  Group group_of(const policy::Evidence& evidence) const {
    if (pair_.lists()[0] && pair_.lists()[1]) return pair_.group_of(evidence);
    const auto is_ours = [&](const Version* side) {
      const mail::Mailbox& to = evidence.candidate->address;
      return is_local_in(*side->config, to.domain) || side->directory->resolve(to).webhook;
    };
    return std::ranges::any_of(sides_, is_ours) ? Group::ours : Group::foreign;
  }

  bool shown(const Assignment& path, const std::optional<mail::Mailbox>& to = std::nullopt) {
    Group group = Group::ours;
    auto played = player_->play(path, {.about =
                                           [&](const policy::Evidence& evidence) {
                                             if (!to) group = group_of(evidence);
                                             return options_.asks(group);
                                           },
                                       .holds =
                                           [&](const std::vector<Side>& sides) {
                                             return goes_elsewhere(sides[0], sides[1]);
                                           },
                                       .to = to});
    found_.played += player_->count() - std::exchange(counted_, player_->count());
    if (!played) return false;
    show({.spoken = std::move(played->spoken),
          .group = group,
          .kind = DifferenceKind::routes,
          .before = std::move(played->sides[0]),
          .after = std::move(played->sides[1])});
    return true;
  }

  void show(Witness witness) {
    known_ = Known::yes;
    for (std::size_t side = 0; side < 2; ++side) {
      Side& one = side == 0 ? witness.before : witness.after;
      one.next_hop = next_hop_of(one, hops_[side]).value_or("");
      one.quarantine = quarantine_of(*one.trace);
    }
    found_.witnesses.push_back(std::move(witness));
  }

  /// Whether both take it, and each somewhere else.
  bool goes_elsewhere(const Side& before, const Side& after) const {
    const auto old_hop = next_hop_of(before, hops_[0]);
    const auto new_hop = next_hop_of(after, hops_[1]);
    if (!old_hop || !new_hop) return false;
    if (before.route != after.route || *old_hop != *new_hop) return true;
    const std::string old_name = quarantine_of(*before.trace);
    const std::string new_name = quarantine_of(*after.trace);
    return !old_name.empty() && !new_name.empty() && old_name != new_name;
  }

  /// Mail to <postmaster>, which no class has: it is taken before any list.
  void by_postmaster() {
    if (!options_.asks(Group::ours)) return;
    const mail::Mailbox postmaster{"postmaster", ""};
    const std::vector<AddressClass>& senders = vocabulary_->classes().senders;
    for (std::size_t at = 0; at < senders.size(); ++at) {
      if (!differ_for(postmaster, senders[at].one)) continue;
      Assignment path(diagrams_.variables(), any_value);
      path[Vocabulary::variable(Axis::sender)] = at;
      if (shown(path, postmaster)) return;
      leave_open("other_layers",
                 "mail to <postmaster> has another next hop, and no dialogue was found that both "
                 "take");
      return;
    }
  }

  /// An address that is a webhook in one version and goes another way in the other, perhaps to
  /// another webhook, which took it as one of its tagged addresses.
  void by_webhook(const std::string& address) {
    const auto to = mail::parse_mailbox(address, mail::Utf8::allowed);
    if (!to || known_ == Known::yes || !options_.asks(Group::ours)) return;
    std::array<std::optional<std::string>, 2> takers;  // the active webhook
    for (std::size_t side = 0; side < 2; ++side) {
      const auto webhook = sides_[side]->directory->resolve(*to).webhook;
      if (webhook && webhook->is_active) takers[side] = webhook->address;
    }
    if (takers[0] == takers[1]) return;
    if (shown(Assignment(diagrams_.variables(), any_value), *to)) return;
    if (!takers[0] || !takers[1]) {
      const Version& other = *sides_[takers[0] ? 1 : 0];
      const policy::Route route = app::route_of(*to, *other.directory, *other.config);
      // Nobody else has it: the gateway refuses the recipient.
      if (route.webhook || !may_be_taken(deciding_in(*other.config), *to, route)) return;
    }
    leave_open("other_layers",
               fmt::format("{} is not the same webhook in both versions, and no dialogue was found "
                           "that both take",
                           address));
  }

  /// Rules choose next hops and quarantines, too.
  void by_scripts() {
    const auto has_scripts = [](const Version* side) {
      return side->config->vsl.loaded || side->config->lua.loaded;
    };
    if (known_ == Known::yes || std::ranges::none_of(sides_, has_scripts)) return;
    const std::vector<Witness> shown_before = found_.witnesses;
    for (const Witness& one : shown_before) {
      const bool other =
          one.kind == DifferenceKind::handling && one.before.trace && one.after.trace;
      if (!other || !goes_elsewhere(one.before, one.after)) continue;
      Witness again = one;
      again.kind = DifferenceKind::routes;
      show(std::move(again));
      return;
    }
    const auto folders = [](const Version* side) {
      return std::pair(side->config->vsl.maildir, side->config->vsl.mbox);
    };
    const bool same = options_.lists_are_equal && !options_.rules_differ &&
                      folders(sides_[0]) == folders(sides_[1]);
    if (same) return;
    leave_open("other_layers",
               "scripts choose next hops, too, and they or the lists in front of them differ");
  }

  const std::array<const Version*, 2> sides_;
  const CompareOptions options_;
  const Deadline deadline_;
  Comparison& found_;
  const std::array<app::NextHops, 2> hops_;
  ListPair pair_;
  Diagrams diagrams_;
  std::unique_ptr<Vocabulary> vocabulary_;
  std::unique_ptr<Player> player_;
  std::size_t counted_ = 0;  ///< of Player::count()
  Known known_ = Known::no;
};

/// Whether lists ask where mail for an address would go, or a program may tell them to.
bool verifies(const app::Config& config) {
  const restrictions::Loaded* loaded = config.restrictions.loaded();
  if (loaded == nullptr || !loaded->compiled.policy) return false;
  const restrictions::ListPolicy& lists = *loaded->compiled.policy;
  restrictions::PolicyWords words;
  words.add(lists);
  return words.asks_programs || words.asks_rows ||
         std::ranges::any_of(lists.used, [](const auto* keyword) {
           return keyword->name.starts_with("reject_unverified_");
         });
}

}  // namespace

bool routes_may_decide(const app::Config& before, const app::Config& after) {
  if (verifies(before) || verifies(after)) return true;
  const std::array<app::NextHops, 2> hops{app::NextHops(before), app::NextHops(after)};
  restrictions::PolicyWords words;
  for (const app::NextHops& one : hops) add_hop_words(one, words);
  try {
    const Classes classes = classes_of(words, "");
    return std::ranges::any_of(classes.recipients, [&](const AddressClass& to) {
      return hops[0].refusal(*to.one) != hops[1].refusal(*to.one);
    });
  } catch (const TooManyClasses&) {
    return true;
  }
}

void compare_routes(const Version& before, const Version& after,
                    const std::set<std::string>& webhooks, const CompareOptions& options,
                    const Deadline& deadline, Comparison& found) {
  RouteComparer(before, after, options, deadline, found).run(webhooks);
}

}  // namespace postern::plan
