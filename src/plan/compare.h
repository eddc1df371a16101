// What a change of policy does: two versions of a configuration compared, dialogue by dialogue
// (docs/plan.md).
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "config/config.h"
#include "plan/classes.h"
#include "plan/compile.h"
#include "plan/difference_words.h"
#include "plan/player.h"
#include "policy/directory.h"

namespace postern::plan {

/// The answer to "does NEW refuse what OLD takes?", or the converse.
enum class Known { no, yes, unknown };
/// The answer of a whole, from that of one more of its parts: one `yes` is a yes.
constexpr void widen(Known& whole, Known part) {
  if (whole == Known::no || part == Known::yes) whole = part;
}
/// The word: "no", "yes", "unknown".
std::string_view to_string(Known known);

/// What NEW does that OLD does not.
enum class Answer { same, refuses_more, accepts_more, both, not_proved };
/// The word of JSON: "refuses_more".
std::string_view to_string(Answer answer);
/// The word of text: "refuses more".
std::string_view words_of(Answer answer);
/// "ours", "relay", "foreign".
std::string_view to_string(Group group);
/// The same; nullopt: "winding" (AddressClass::winding).
std::string_view name_of(const std::optional<Group>& group);

/// The name of a part of the dialogue in JSON.
std::string_view to_string(Axis axis);

/// How the outcomes of a dialogue differ.
enum class DifferenceKind : Leaf { none, refuses_more, accepts_more, handling, replies, routes };
/// Those that outcomes of lists have. A dialogue has one of them; its route may differ beside it.
inline constexpr std::array difference_kinds{DifferenceKind::refuses_more,
                                             DifferenceKind::accepts_more, DifferenceKind::handling,
                                             DifferenceKind::replies};
/// The word of JSON: "refuses_more".
std::string_view to_string(DifferenceKind kind);
/// The word of text, of a dialogue: "refused by new".
std::string_view words_of(DifferenceKind kind);
/// Whether one version takes what the other refuses.
constexpr bool is_verdict(DifferenceKind kind) {
  return kind == DifferenceKind::refuses_more || kind == DifferenceKind::accepts_more;
}

/// What kinds tell apart of an outcome: how far it gets, and what is said or done there.
/// `Rank`: the highest is `taken`. `Handling`, `Reply`: compared if both are taken, or neither.
template <class Rank, class Handling, class Reply>
DifferenceKind kind_of(const Rank& before, const Rank& after, const Rank& taken,
                       const Handling& same_handling, const Reply& same_reply) {
  if (before != after)
    return before > after ? DifferenceKind::refuses_more : DifferenceKind::accepts_more;
  if (before == taken) return same_handling() ? DifferenceKind::none : DifferenceKind::handling;
  return same_reply() ? DifferenceKind::none : DifferenceKind::replies;
}
/// Of what two versions do with one dialogue.
DifferenceKind kind_of(const Outcome& before, const Outcome& after);

/// A dialogue that both versions' production evaluators have decided, with different results.
struct Witness {
  Spoken spoken;
  std::optional<Group> group = Group::foreign;  ///< nullopt: Comparison::winding
  DifferenceKind kind = DifferenceKind::none;
  Side before;  ///< OLD
  Side after;   ///< NEW
};

/// Why something was not proved.
struct NotProved {
  std::string group;                                ///< "" : all
  DifferenceKind direction = DifferenceKind::none;  ///< none: all of them
  std::string layer;                                ///< "restrictions"
  std::string place;                                ///< may be empty
  std::string reason;                               ///< a word of docs/plan.md, "Not proved"
  std::string text;                                 ///< one sentence
};

/// Where two versions differ, as far as it can be said in a few conditions.
struct Differences {
  static constexpr std::size_t most = 3;
  std::vector<Difference> some = {};  ///< at most `most`
  bool all = false;                   ///< they differ nowhere else
  /// The same among dialogues that the one of both takes: where the conditions hold, the other
  /// refuses what this one takes. What only says which mail is taken is left out. At most `most`.
  std::vector<Difference> of_taken = {};
  bool all_of_taken = false;  ///< they differ nowhere else
  /// What else decides and was not asked: they differ where it lets the mail through ("the lists").
  std::string_view by = {};
};

/// The two questions about one group of destinations.
struct GroupAnswer {
  Known refuses_more = Known::no;  ///< does NEW refuse what OLD takes?
  Known accepts_more = Known::no;  ///< does NEW take what OLD refuses?
  Differences refused;             ///< dialogues that only OLD takes
  Differences accepted;            ///< dialogues that only NEW takes
  /// The word that follows from both.
  Answer answer() const;
  /// What is known of a kind that is_verdict().
  Known& of(DifferenceKind kind) {
    return kind == DifferenceKind::refuses_more ? refuses_more : accepts_more;
  }
};

/// The two questions about one webhook's address.
struct WebhookAnswer {
  std::string address;  ///< local@domain
  GroupAnswer answer;
};

/// What differs outside of the lists, so that no `no` is proved: "lua", "route", "authentication".
struct Elsewhere {
  std::string what;    ///< a section of the configuration, or a file
  std::string reason;  ///< a word of docs/plan.md, "Not proved"
};
/// In a sentence: "[lua] differs, and that section is not compared".
std::string sentence_of(const Elsewhere& one);

/// Options of a comparison.
struct CompareOptions {
  std::chrono::milliseconds time{2000};  ///< for everything
  std::size_t nodes = 1'000'000;         ///< of the arena, at most
  /// What differs outside of the lists.
  std::vector<Elsewhere> elsewhere = {};
  /// The lists and their tables are the same: they are not compared.
  bool lists_are_equal = false;
  bool routes = false;                       ///< compare_routes() is asked for
  bool idle_rules = false;                   ///< Comparison::idle_rules is asked for
  std::optional<Group> only = std::nullopt;  ///< one group of destinations; nullopt: all
  /// Whether this group is asked about.
  bool asks(Group group) const { return !only || *only == group; }
  /// Rules behind the lists differ, too. They are compared elsewhere.
  bool rules_differ = false;
  /// compare_webhooks() may look for dialogues that lists let through.
  bool through_lists = true;
};

/// The result.
struct Comparison {
  /// The only group that was asked about, if not all were: of the others nothing is known, and of
  /// `handling`, `replies` and `winding` nothing but what this group has.
  std::optional<Group> only = std::nullopt;
  std::array<GroupAnswer, 3> groups;  ///< by Group
  /// Addresses of AddressClass::winding, which are in no group.
  GroupAnswer winding;
  std::vector<WebhookAnswer> webhooks;  ///< by address, if webhooks were compared
  Known handling = Known::no;           ///< whether it differs
  Known replies = Known::no;            ///< whether they differ
  std::optional<Known> routes;          ///< whether they differ; nullopt: not asked
  std::vector<Witness> witnesses;       ///< one for each `yes`, also of `winding`
  std::vector<NotProved> not_proved;    ///< one for each `unknown`, or one for all
  std::array<std::size_t, axis_count> classes = {};
  std::set<std::string> give_up;      ///< patterns that may take more steps than are allowed
  bool names_like_networks = false;   ///< the lists differ for NameClass::like_network alone
  bool refuses_all = false;           ///< `.vsl` rules of both versions refuse every dialogue
  std::vector<std::string> evidence;  ///< questions, as OpenQuestion::name()
  std::size_t nodes = 0;              ///< that the proof needed
  std::size_t played = 0;             ///< dialogues played on both versions

  /// Of all groups that were asked about.
  Answer answer() const;
  /// Of all mail that was asked about, also to addresses that are in no group.
  Answer verdicts() const;
  /// Whether this group was asked about.
  bool asked(Group group) const { return !only || *only == group; }
  /// What is known of this kind; `group`: where verdicts are kept.
  Known& of(DifferenceKind kind, GroupAnswer& group) {
    return is_verdict(kind)                   ? group.of(kind)
           : kind == DifferenceKind::handling ? handling
                                              : replies;
  }
  /// Of the lists alone, whatever differs elsewhere.
  Answer lists = Answer::same;
  /// Of `.vsl` rules alone, where lists are the same.
  Answer rules = Answer::same;
  /// Rules of NEW's lists that never decide (Decisions), by origin; nullopt: not asked for, or the
  /// lists could not be compiled.
  std::optional<std::set<std::string>> idle_rules = {};
};

/// Compares. Blocks for CompareOptions::time at most, and the time of one rule. Sends nothing.
Comparison compare(const Version& before, const Version& after, const CompareOptions& options);

}  // namespace postern::plan
