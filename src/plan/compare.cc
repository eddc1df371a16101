#include "plan/compare.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "dialect/restrictions/layer.h"
#include "plan/behind.h"
#include "plan/cubes.h"
#include "plan/list_pair.h"

namespace postern::plan {

namespace restrictions = dialect::restrictions;
using policy::Stage;

std::string_view to_string(Known known) {
  switch (known) {
    case Known::no:
      return "no";
    case Known::yes:
      return "yes";
    case Known::unknown:
      break;
  }
  return "unknown";
}

std::string_view to_string(Answer answer) {
  switch (answer) {
    case Answer::same:
      return "same";
    case Answer::refuses_more:
      return "refuses_more";
    case Answer::accepts_more:
      return "accepts_more";
    case Answer::both:
      return "both";
    case Answer::not_proved:
      break;
  }
  return "not_proved";
}

std::string_view words_of(Answer answer) {
  switch (answer) {
    case Answer::same:
      return "same";
    case Answer::refuses_more:
      return "refuses more";
    case Answer::accepts_more:
      return "accepts more";
    case Answer::both:
      return "both differ";
    case Answer::not_proved:
      break;
  }
  return "not proved";
}

std::string_view to_string(DifferenceKind kind) {
  switch (kind) {
    case DifferenceKind::none:
      break;
    case DifferenceKind::refuses_more:
      return "refuses_more";
    case DifferenceKind::accepts_more:
      return "accepts_more";
    case DifferenceKind::handling:
      return "handling";
    case DifferenceKind::replies:
      return "replies";
    case DifferenceKind::routes:
      return "routes";
  }
  return "";
}

std::string_view words_of(DifferenceKind kind) {
  switch (kind) {
    case DifferenceKind::none:
      break;
    case DifferenceKind::refuses_more:
      return "refused by new";
    case DifferenceKind::accepts_more:
      return "accepted by new";
    case DifferenceKind::handling:
      return "other handling";
    case DifferenceKind::replies:
      return "other reply";
    case DifferenceKind::routes:
      return "other route";
  }
  return "";
}

std::string_view name_of(const std::optional<Group>& group) {
  return group ? to_string(*group) : "winding";
}

std::string_view to_string(Group group) {
  switch (group) {
    case Group::ours:
      return "ours";
    case Group::relay:
      return "relay";
    case Group::foreign:
      break;
  }
  return "foreign";
}

std::string_view to_string(Axis axis) {
  switch (axis) {
    case Axis::session:
      return "session";
    case Axis::client:
      return "client";
    case Axis::name:
      return "client_name";
    case Axis::helo:
      return "helo";
    case Axis::sender:
      return "sender";
    case Axis::recipient:
      return "rcpt";
    case Axis::early:
      break;
  }
  return "pipelining";
}

DifferenceKind kind_of(const Outcome& before, const Outcome& after) {
  return kind_of(
      before.taken, after.taken, true, [&] { return before.handling() == after.handling(); },
      [&] { return before.stage == after.stage && before.refusal == after.refusal; });
}

namespace {

Answer answer_both_ways(Known refuses_more, Known accepts_more) {
  if (refuses_more == Known::unknown || accepts_more == Known::unknown) return Answer::not_proved;
  if (refuses_more == Known::yes) {
    return accepts_more == Known::yes ? Answer::both : Answer::refuses_more;
  }
  return accepts_more == Known::yes ? Answer::accepts_more : Answer::same;
}

/// One comparison.
class Comparer {
 public:
  Comparer(const Version& before, const Version& after, const CompareOptions& options)
      : sides_{&before, &after},
        options_(options),
        pair_(before, after),
        deadline_(options.time),
        diagrams_(options.nodes, [this] {
          if (deadline_.is_over()) throw OverBudget("budget_time");
        }) {}

  Comparison run() {
    result_.only = options_.only;
    try {
      if (!options_.lists_are_equal) prove();
    } catch (const NotCompiled& error) {
      leave_open(error.reason, error.what());
    } catch (const TooManyClasses& error) {
      leave_open("table_too_large", error.what());
    } catch (const OverBudget& error) {
      leave_open(error.what(), "the comparison needs more than it may use");
    }
    if (!options_.lists_are_equal) {
      for (const ListPair::Unseen& one : pair_.unseen()) {
        leave_open(one.reason, one.text, one.only_foreign);
      }
    }
    if (pair_.codes_otherwise()) widen(result_.replies, Known::unknown);
    result_.lists = result_.answer();
    for (const Elsewhere& one : options_.elsewhere) {
      leave_open(one.reason, sentence_of(one));
    }
    result_.nodes = diagrams_.size();
    return std::move(result_);
  }

 private:
  /// A verdict that differs: the kinds of the group's dialogues.
  struct Apart {
    Ref here = 0;
    DifferenceKind kind = DifferenceKind::none;
    std::optional<Group> group;  ///< nullopt: winding addresses
  };

  /// `only_foreign`: mail to others, but for addresses with a route, is known.
  void leave_open(const std::string& reason, const std::string& text, bool only_foreign = false) {
    const auto open = [](GroupAnswer& group) {
      widen(group.refuses_more, Known::unknown);
      widen(group.accepts_more, Known::unknown);
    };
    for (const Group group : {Group::ours, Group::relay, Group::foreign}) {
      if (only_foreign && group != Group::foreign) continue;
      open(result_.groups[static_cast<std::size_t>(group)]);
    }
    open(result_.winding);
    widen(result_.handling, Known::unknown);
    widen(result_.replies, Known::unknown);
    const std::string where = only_foreign ? std::string(to_string(Group::foreign)) : "";
    result_.not_proved.push_back(
        {.group = where, .layer = "restrictions", .reason = reason, .text = text});
  }

  void prove() {
    pair_.read();
    vocabulary_ = pair_.vocabulary(diagrams_);
    for (std::size_t axis = 0; axis < axis_count; ++axis) {
      result_.classes[axis] = vocabulary_->classes().count(static_cast<Axis>(axis));
    }
    const std::array<Ref, 2> compiled = pair_.compile(*vocabulary_);
    for (const auto& question : vocabulary_->questions()) {
      result_.evidence.push_back(question->name());
    }
    result_.give_up = patterns_that_may_give_up(*vocabulary_);
    const auto discards = [&](Ref lists) {
      const Ref any = diagrams_.map(
          lists, [&](Leaf one) -> Leaf { return vocabulary_->outcome(one).discard ? 1 : 0; });
      return any != diagrams_.leaf(0);
    };
    if (options_.rules_differ && (discards(compiled[0]) || discards(compiled[1]))) {
      throw NotCompiled("other_layers",
                        "lists may discard mail, which the rules behind them do not see then");
    }
    result_.names_like_networks =
        differences(compiled, vocabulary_->like_networks()) != diagrams_.leaf(0);
    possible_ = vocabulary_->possible();
    taken_ = {taken_by(compiled[0], 1), taken_by(compiled[1], 2)};
    const Ref differ = differences(compiled, possible_);
    player_ = std::make_unique<Player>(
        *vocabulary_, std::vector<const Version*>{sides_[0], sides_[1]}, deadline_);
    groups_ = groups_of();
    for (const Group group : {Group::ours, Group::relay, Group::foreign}) {
      if (options_.asks(group)) look(differ, group);
    }
    if (!options_.only) look(differ, std::nullopt);
    look_at_own_clients();
    if (options_.asks(Group::ours) && has_webhooks()) look_at_webhooks();
    if (options_.idle_rules) find_idle_rules();
    say_where();
  }

  /// What groups_ says of a recipient beside the number of its Group.
  static constexpr Leaf is_winding = 3;      ///< AddressClass::winding
  static constexpr Leaf is_no_dialogue = 4;  ///< it is taken before any list, or by none

  /// The group of each recipient, which patterns and programs may have to say.
  Ref groups_of() {
    enum : Leaf { as_is, winds, is_none };
    std::vector<Ref> kinds;
    const std::array<TakesLiteral, 2> take{takes_literal(*sides_[0]->config),
                                           takes_literal(*sides_[1]->config)};
    for (const AddressClass& one : vocabulary_->classes().recipients) {
      const auto is_first = [&](const auto& lists) { return taken_first(*lists, *one.one); };
      const auto takes = [&](const TakesLiteral& by) { return by(*one.one); };
      const bool goes_nowhere =
          one.one->domain.starts_with('[') && std::ranges::none_of(take, takes);
      const bool none = goes_nowhere || std::ranges::any_of(pair_.lists(), is_first);
      kinds.push_back(diagrams_.leaf(none ? is_none : one.winding ? winds : as_is));
    }
    return diagrams_.apply(
        pair_.groups(*vocabulary_), diagrams_.choose(Vocabulary::variable(Axis::recipient), kinds),
        [](Leaf group, Leaf kind) -> Leaf {
          return kind == is_none ? is_no_dialogue : kind == winds ? is_winding : group;
        });
  }

  /// What groups_ says of the recipients of a group; nullopt: of winding ones.
  static Leaf number_of(std::optional<Group> group) {
    return group ? static_cast<Leaf>(*group) : is_winding;
  }

  Ref only(Ref diagram, std::optional<Group> group) {
    const Leaf wanted = number_of(group);
    return diagrams_.apply(
        diagram, groups_,
        [wanted](Leaf kind, Leaf where) -> Leaf { return where == wanted ? kind : 0; },
        Diagrams::is<0>);
  }

  void look(Ref differ, std::optional<Group> group) {
    const Ref here = only(differ, group);
    GroupAnswer& answer = answer_of_group(group);
    for (const DifferenceKind kind : difference_kinds) {
      // One witness is enough for what is no verdict.
      Known& known = result_.of(kind, answer);
      if (!is_verdict(kind) && known == Known::yes) continue;
      const Known found = search(here, group, kind);
      if (found != Known::no) known = found;
      if (found == Known::yes && is_verdict(kind)) apart_.push_back({here, kind, group});
    }
  }

  bool has_webhooks() const {
    return std::ranges::any_of(sides_, [](const Version* one) {
      return one->directory && one->directory->webhook_count() > 0;
    });
  }

  /// Whether scripts decide, too.
  bool has_rules() const {
    return std::ranges::any_of(
        sides_, [](const Version* side) { return deciding_in(*side->config).scripts; });
  }

  /// In all dialogues, also those for webhooks and of clients at the address that they have
  /// reached.
  void find_idle_rules() {
    Decisions decisions;
    for (const bool webhooks : {false, true}) {
      vocabulary_->to_webhooks(webhooks);
      for (const bool own : {false, true}) {
        vocabulary_->reach_themselves(own);
        pair_.compile(1, *vocabulary_, &decisions);
      }
    }
    vocabulary_->to_webhooks(false);
    vocabulary_->reach_themselves(false);
    const restrictions::ListPolicy& lists = *pair_.lists()[1];
    const Ref possible = vocabulary_->possible();
    result_.idle_rules.emplace();
    std::set<std::string> deciding;
    for (const auto& [rule, here] : decisions.by_rule) {
      const bool is_idle = where(here, possible) == diagrams_.leaf(0);
      // Dialogues with other recipients are not among these.
      const bool may_decide = !is_idle || restrictions::looks_at(lists, *rule).others;
      (may_decide ? deciding : *result_.idle_rules).insert(rule->origin);
    }
    // A list in a table's value has other rules each time.
    for (const std::string& origin : deciding) result_.idle_rules->erase(origin);
  }

  /// 1 where the difference is of this kind.
  Ref of_kind(Ref kinds, DifferenceKind kind) {
    return diagrams_.map(
        kinds, [kind](Leaf one) -> Leaf { return one == static_cast<Leaf>(kind) ? 1 : 0; });
  }

  /// `kinds`, with 0 where `possible` is.
  Ref where(Ref kinds, Ref possible) {
    return diagrams_.apply(kinds, possible,
                           [](Leaf kind, Leaf is) -> Leaf { return is == 0 ? 0 : kind; });
  }

  /// Bit 0: old serves the session, bit 1: new does. What lists would take of mail in clear, after
  /// STARTTLS or AUTH is not taken where that is not served.
  Ref served() {
    const ServedSessions by[] = {served_sessions(*sides_[0]->config),
                                 served_sessions(*sides_[1]->config)};
    std::vector<Ref> children;
    for (const SessionClass& one : vocabulary_->classes().sessions) {
      children.push_back(
          diagrams_.leaf((serves(by[0], one) ? 1u : 0u) | (serves(by[1], one) ? 2u : 0u)));
    }
    return diagrams_.choose(Vocabulary::variable(Axis::session), children);
  }
  /// 1 where lists take the mail of a session that is served. `by`: of served().
  Ref taken_by(Ref lists, Leaf by) {
    return diagrams_.apply(lists, served(), [&, by](Leaf outcome, Leaf is) -> Leaf {
      return vocabulary_->outcome(outcome).taken && (is & by) != 0 ? 1 : 0;
    });
  }
  static constexpr Leaf served_by_both = 3;
  static Leaf kind_if_served(Leaf kind, Leaf served) {
    const auto is = static_cast<DifferenceKind>(kind);
    const Leaf by = is == DifferenceKind::refuses_more   ? 1
                    : is == DifferenceKind::accepts_more ? 2
                                                         : served_by_both;
    return (served & by) == by ? kind : 0;
  }

  /// The kind of the difference of each dialogue that is possible.
  Ref differences(const std::array<Ref, 2>& compiled, Ref possible) {
    const Ref kinds = diagrams_.apply(compiled[0], compiled[1], [&](Leaf before, Leaf after) {
      return static_cast<Leaf>(kind_of(vocabulary_->outcome(before), vocabulary_->outcome(after)));
    });
    return where(diagrams_.apply(kinds, served(), kind_if_served), possible);
  }

  void show(const Player::Played& played, std::optional<Group> group, DifferenceKind kind) {
    result_.witnesses.push_back({.spoken = played.spoken,
                                 .group = group,
                                 .kind = kind,
                                 .before = played.sides[0],
                                 .after = played.sides[1]});
  }

  /// The kind of the difference of each dialogue, of mail for webhooks or of other mail.
  Ref differ_to(bool webhooks) {
    vocabulary_->to_webhooks(webhooks);
    const std::array<Ref, 2> compiled = pair_.compile(*vocabulary_);
    vocabulary_->to_webhooks(false);
    return differences(compiled, vocabulary_->possible());
  }

  /// With inet_interfaces = all, a client that has connected to its own address is this host,
  /// whatever the address is. Such dialogues are not played.
  void look_at_own_clients() {
    if (!pair_.asks_for_own_clients()) return;
    vocabulary_->reach_themselves(true);
    const Ref differ = differ_to(false);
    const Ref of_webhooks = has_webhooks() ? differ_to(true) : diagrams_.leaf(0);
    vocabulary_->reach_themselves(false);
    for (const Group group : {Group::ours, Group::relay, Group::foreign}) {
      if (!options_.asks(group)) continue;
      const Ref here = only(differ, group);
      for (const DifferenceKind kind : difference_kinds) {
        Known& known = result_.of(kind, result_.groups[static_cast<std::size_t>(group)]);
        const bool differs =
            of_kind(here, kind) != diagrams_.leaf(0) ||
            (group == Group::ours && of_kind(of_webhooks, kind) != diagrams_.leaf(0));
        if (!differs) continue;
        elsewhere_.insert({group, kind});
        if (known != Known::no) continue;
        known = Known::unknown;
        result_.not_proved.push_back({.group = std::string(plan::to_string(group)),
                                      .direction = kind,
                                      .layer = "restrictions",
                                      .place = {},
                                      .reason = "own_clients",
                                      .text =
                                          "it hangs on permit_inet_interfaces and a client that "
                                          "has connected to its own address"});
      }
    }
  }

  /// Mail for webhooks, which is always mail for this host (context.cc, is_authorised()): whoever
  /// it is for, lists see a webhook. It is played to some of them.
  void look_at_webhooks() {
    const Ref differ = differ_to(true);
    GroupAnswer& ours = result_.groups[static_cast<std::size_t>(Group::ours)];
    for (const DifferenceKind kind : difference_kinds) {
      Known& known = result_.of(kind, ours);
      if (known == Known::yes && !is_verdict(kind)) continue;
      const Ref left = of_kind(differ, kind);
      if (left == diagrams_.leaf(0)) continue;
      elsewhere_.insert({Group::ours, kind});
      if (known == Known::yes) continue;
      known = played_to_webhooks(left, kind);
      if (known != Known::unknown) continue;
      result_.not_proved.push_back({.group = std::string(plan::to_string(Group::ours)),
                                    .direction = kind,
                                    .layer = "restrictions",
                                    .place = {},
                                    .reason = "other_layers",
                                    .text =
                                        "lists judge mail for addresses of webhooks "
                                        "differently, and no dialogue was found that shows it"});
    }
  }

  /// No: there is no such dialogue.
  Known played_to_webhooks(Ref left, DifferenceKind kind) {
    bool any = false;
    constexpr int most_tries = 8;
    for (int attempt = 0; attempt < most_tries; ++attempt) {
      const auto path = cheapest(*vocabulary_, left);
      if (!path) break;
      any = true;
      for (const mail::Mailbox& webhook : sides_[1]->to_webhooks) {
        const auto found = player_->play(
            *path, {.about = [](const policy::Evidence&) { return true; },
                    .holds =
                        [&](const std::vector<Side>& sides) {
                          return kind_of(outcome_of(sides[0]), outcome_of(sides[1])) == kind;
                        },
                    .to = webhook});
        result_.played = player_->count();
        if (!found) continue;
        show(*found, Group::ours, kind);
        return Known::yes;
      }
      left = without(diagrams_, left, *path);
    }
    return any ? Known::unknown : Known::no;
  }

  Known search(Ref here, std::optional<Group> group, DifferenceKind kind) {
    constexpr int most_tries = 16;
    Ref left = of_kind(here, kind);
    bool any = false;
    std::string reason = "witness_not_confirmed";
    std::string text = "the dialogues found were judged alike when played: a fault of Postern";
    for (int attempt = 0; attempt < most_tries; ++attempt) {
      const auto path = cheapest(*vocabulary_, left);
      if (!path) break;
      any = true;
      const auto found = player_->play(
          *path,
          {.about =
               [&](const policy::Evidence& to) { return !group || pair_.group_of(to) == *group; },
           .holds =
               [&](const std::vector<Side>& sides) {
                 return kind_of(outcome_of(sides[0]), outcome_of(sides[1])) == kind;
               }});
      result_.played = player_->count();
      if (found) {
        show(*found, group, kind);
        return Known::yes;
      }
      if (const OpenQuestion* question = opaque_on(*vocabulary_, *path)) {
        const bool pattern = question->pattern.has_value();
        reason = pattern ? "opaque_pattern" : "external_table";
        text = fmt::format("it hangs on {}, and no dialogue was found that shows it",
                           name_of(*question));
      }
      left = without(diagrams_, left, *path);
    }
    if (!any) return Known::no;
    if (reason == "witness_not_confirmed" && has_rules()) {
      reason = "other_layers";
      text = "the dialogues found are judged alike with the rules behind the lists";
    }
    if (reason == "witness_not_confirmed") note_unconfirmed();
    result_.not_proved.push_back({.group = std::string(name_of(group)),
                                  .direction = kind,
                                  .layer = "restrictions",
                                  .place = {},
                                  .reason = reason,
                                  .text = text});
    return Known::unknown;
  }

  // The difference in words.

  /// Says where versions differ, as far as there are words for it; at the end, because no proof may
  /// hang on what is left for it of the budget.
  void say_where() {
    try {
      possible_ = vocabulary_->possible();  // with what was ruled out
      if (helo_is_required()) possible_ = where(possible_, said_helo());
      for (const Apart& one : apart_) say_where(one);
      for (const Apart& one : apart_) say_where_of_taken(one);
    } catch (const OverBudget&) {
      return;
    }
  }

  Ref differing(const Apart& one) { return of_kind(where(one.here, possible_), one.kind); }
  Differences& said_of(const Apart& one) {
    GroupAnswer& answer = answer_of_group(one.group);
    return one.kind == DifferenceKind::refuses_more ? answer.refused : answer.accepted;
  }

  void say_where(const Apart& one) {
    Differences& made = said_of(one);
    const Cover found = cover_of(differing(one), possible_);
    made.all = put_in_words(
        one, found, {{Vocabulary::variable(Axis::recipient), recipients_of(one.group)}}, made.some);
    if (has_rules()) made.by = "the rules";
  }

  /// Of the mail to the group that the one of both takes: what else stands in a cube does not
  /// matter.
  void say_where_of_taken(const Apart& one) {
    const Ref taken = taken_[one.kind == DifferenceKind::refuses_more ? 0 : 1];
    const Ref among = where(only(taken, one.group), possible_);
    Ref left = differing(one);
    Cover found = cover_of(left, among);
    std::set<Variable> parts;
    for (Variable part = 0; part < axis_count; ++part) parts.insert(part);
    const Cube there = values_in(diagrams_, among, parts);
    // Whose mail an edit is about is often seen by these, also where other conditions would do.
    Cube usual;
    for (const Axis axis : {Axis::session, Axis::client, Axis::sender, Axis::recipient}) {
      usual[Vocabulary::variable(axis)] = there.at(Vocabulary::variable(axis));
    }
    std::vector<Cube> narrowed;
    for (Cube& cube : found.cubes) {
      if (narrow(diagrams_, left, usual, cube)) narrowed.push_back(std::move(cube));
    }
    found.cubes = std::move(narrowed);
    Differences& made = said_of(one);
    std::vector<Difference> said;
    made.all_of_taken = put_in_words(one, found, there, said);
    made.of_taken = std::move(said);
  }

  /// Covers `wanted` among the dialogues in which `among` is 1.
  Cover cover_of(Ref wanted, Ref among) {
    return cover(diagrams_, wanted, among, Differences::most,
                 [&](Ref& left) -> std::optional<Assignment> {
                   const auto path = cheapest(*vocabulary_, left);
                   // It gives up after a number of impossible paths, and returns the next one.
                   if (path && vocabulary_->texts_on(*path).impossible) return std::nullopt;
                   return path;
                 });
  }

  /// Whether that is all of the difference. `among`: the values of parts that it is about.
  bool put_in_words(const Apart& one, const Cover& found, const Cube& among,
                    std::vector<Difference>& said) {
    bool all = found.all && !elsewhere_.contains({one.group, one.kind});
    for (const Cube& cube : found.cubes) {
      CubeWords words = words_of(*vocabulary_, cube, among, helo_is_required());
      all = all && words.whole;
      if (words.said) said.push_back(std::move(*words.said));
    }
    return all;
  }

  /// Whether both refuse all without HELO, which needs no words.
  bool helo_is_required() const {
    return std::ranges::all_of(pair_.lists(), [](const auto& one) { return one->helo_required; });
  }

  /// Dialogues with HELO or EHLO.
  Ref said_helo() {
    std::vector<Ref> children;
    for (const HeloClass& one : vocabulary_->classes().helos) {
      children.push_back(diagrams_.leaf(one.name.empty() ? 0 : 1));
    }
    return diagrams_.choose(Vocabulary::variable(Axis::helo), children);
  }

  /// The recipients of the group, by value.
  std::vector<bool> recipients_of(std::optional<Group> group) {
    const Leaf wanted = number_of(group);
    const Ref among =
        diagrams_.map(groups_, [wanted](Leaf where) -> Leaf { return where == wanted ? 1 : 0; });
    const Variable axis = Vocabulary::variable(Axis::recipient);
    const bool by_recipient = !diagrams_.is_leaf(among) && diagrams_.variable_of(among) == axis;
    std::vector<bool> recipients(diagrams_.values(axis));
    for (std::size_t at = 0; at < recipients.size(); ++at) {
      const Ref one = by_recipient ? diagrams_.children_of(among)[at] : among;
      recipients[at] = one != diagrams_.leaf(0);
    }
    return recipients;
  }

  GroupAnswer& answer_of_group(std::optional<Group> group) {
    return group ? result_.groups[static_cast<std::size_t>(*group)] : result_.winding;
  }

  const std::array<const Version*, 2> sides_;
  const CompareOptions options_;
  ListPair pair_;
  const Deadline deadline_;
  Diagrams diagrams_;
  std::unique_ptr<Vocabulary> vocabulary_;
  Ref possible_ = 0;               ///< Vocabulary::possible() of all that the lists ask
  std::array<Ref, 2> taken_ = {};  ///< 1 where a side takes the mail
  Ref groups_ = 0;                 ///< groups_of()
  std::vector<Apart> apart_;
  /// What differs in dialogues that are not in the diagrams of the groups, too.
  std::set<std::pair<std::optional<Group>, DifferenceKind>> elsewhere_;
  std::unique_ptr<Player> player_;
  Comparison result_;
};

}  // namespace

Answer GroupAnswer::answer() const { return answer_both_ways(refuses_more, accepts_more); }

Answer Comparison::answer() const {
  const auto any = [&](Known GroupAnswer::* question) {
    Known known = Known::no;
    const auto add = [&](const GroupAnswer& one) {
      if (known == Known::unknown) return;
      if (one.*question != Known::no) known = one.*question;
    };
    std::ranges::for_each(groups, add);
    for (const WebhookAnswer& webhook : webhooks) add(webhook.answer);
    return known;
  };
  return answer_both_ways(any(&GroupAnswer::refuses_more), any(&GroupAnswer::accepts_more));
}

Answer Comparison::verdicts() const {
  const Answer of_groups = answer();
  const Answer others = winding.answer();
  if (of_groups == others || others == Answer::same) return of_groups;
  if (of_groups == Answer::same) return others;
  const bool open = of_groups == Answer::not_proved || others == Answer::not_proved;
  return open ? Answer::not_proved : Answer::both;
}

std::string sentence_of(const Elsewhere& one) {
  if (one.reason == "other_folder") {
    return fmt::format(
        "{} was read from the working folder for both versions, and the one beside a configuration "
        "is another",
        printable(one.what, 300));
  }
  if (one.what == "route") {
    return "[[route]] differs, and whether mail is refused because of it is not compared";
  }
  if (one.what == "myorigin") {
    return "myorigin or append_dot_mydomain differs, and whether a route refuses mail for "
           "addresses that they complete is not compared";
  }
  if (one.what == "webhook_domains") {
    return "a domain of webhooks is one that lists take mail for in one version only, and mail for "
           "its other addresses is not compared";
  }
  if (one.what == "smtpd_sasl_auth_enable") {
    return "AUTH is offered by one version alone, and what rules and webhooks make of logins there "
           "is not compared";
  }
  if (one.what == "api") {
    return "api.operators differs, and whose logins count for the lists is not compared";
  }
  return fmt::format("[{}] differs, and that section is not compared", one.what);
}

Comparison compare(const Version& before, const Version& after, const CompareOptions& options) {
  return Comparer(before, after, options).run();
}

}  // namespace postern::plan
