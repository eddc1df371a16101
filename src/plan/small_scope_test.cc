// A small world as a whole: what plan says of two versions is what playing every dialogue on both
// shows.
//
// The lists are all that have at most three of the 24 rules below, none twice. Two versions are one
// edit apart: a rule deleted (or inserted, the other way round), two neighbours swapped or, in
// lists of at most two, a rule replaced. The dialogues are written down here: 4 client addresses,
// 3 senders, 3 recipients, one of each Group, 2 names in HELO, with a login in TLS or neither; and
// 4 facts that are asked for: what a list in DNS has, whether the sender's and the recipient's
// domain are found, what a policy server answers. app::play() decides them, and knows no class and
// no diagram.
//
// The dialogues are not members of plan's classes, as a class that is missing would be missing on
// both sides: a difference that plan does not see is found by a dialogue that it has no part in.
// Plan speaks of all other dialogues, too, and could rightly see a difference in one of them. The
// rules are chosen so that a dialogue of this world shows it then: rules about one part of a
// dialogue either name the same values or have values of their own here, and routes through this
// host are left on. So the answers are equal in both directions, for each group of destinations,
// and nothing is left unproved. Only codes of replies are compared in one direction: plan may see
// more, as servers have more answers.
#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "explain/play.h"
#include "plan/amount_test.h"
#include "plan/compare.h"
#include "plan/edition_test.h"
#include "plan/report.h"

namespace postern::plan {
namespace {

constexpr std::string_view scope_lines = R"(
mydestination = "local.example"
local_recipient_maps = ""
relay_domains = "relay.example"
mynetworks = "10.1.0.0/16"
smtpd_sasl_auth_enable = "yes"
smtpd_reject_unlisted_recipient = "no"
allow_untrusted_routing = "yes"
smtpd_relay_restrictions = ""
smtpd_restriction_classes = "k"
k = "permit_mynetworks, reject_unknown_sender_domain"
)";

constexpr std::array<std::string_view, 24> scope_rules{
    "permit",
    "reject",
    "defer",
    "defer_if_permit",
    "defer_if_reject",
    "permit_mynetworks",
    "permit_sasl_authenticated",
    "defer_unauth_destination",
    "permit_auth_destination",
    "reject_unauth_destination",
    "reject_rbl_client bl.example",
    "permit_dnswl_client bl.example=127.0.0.3",
    "reject_unknown_sender_domain",
    "reject_unknown_recipient_domain",
    "check_client_access inline:{ {192.0.2 = k} }",
    "check_client_access cidr:{ {192.0.2.0/24 DEFER_IF_PERMIT} }",
    "check_client_access cidr:{ {192.0.2.0/25 OK} }",
    "check_helo_access inline:{ {bad.example = REJECT} }",
    "check_sender_access pcre:{ {/^u@/ REJECT} }",
    "check_sender_access inline:{ {<> = DISCARD} }",
    "check_recipient_access inline:{ {relay.example = HOLD} }",
    "k",
    "warn_if_reject k",
    "check_policy_service inet:127.0.0.1:9"};

/// The last ones of mynetworks and of 192.0.2.0/25, and the first ones behind it and 192.0.2.0/24.
constexpr std::array<std::string_view, 4> edge_clients{"10.1.255.255", "192.0.2.127", "192.0.2.128",
                                                       "192.0.3.0"};
constexpr std::array<std::string_view, 3> senders{"", "u@spam.example", "a@partner.example"};
/// By Group.
constexpr std::array<std::string_view, 3> recipients{"b@local.example", "b@relay.example",
                                                     "b@foreign.example"};
constexpr std::array<std::string_view, 2> scope_helos{"mx.partner.example", "bad.example"};

/// What is asked for during a dialogue. The value 0 is that of an empty world.
enum Fact : std::size_t { listed, sender_domain, recipient_domain, policy_server };
using Values = std::array<std::size_t, 4>;  ///< by Fact
constexpr Values fact_counts{4, 3, 3, 5};   ///< how many there are
constexpr std::array<std::string_view, 4> listings{"", "127.0.0.2", "127.0.0.3", "no answer"};
constexpr std::array<std::string_view, 5> server_answers{"DUNNO", "OK", "REJECT", "DEFER_IF_PERMIT",
                                                         "DISCARD"};

/// The facts of one play after the other. One that is not asked for decides nothing: all worlds
/// that differ in it alone are one play.
class Facts {
 public:
  /// The value of a fact in this play.
  std::size_t ask(Fact fact) {
    const auto found = std::ranges::find(asked_, fact, &Asked::fact);
    if (found != asked_.end()) return found->value;
    asked_.push_back({fact, 0});
    return 0;
  }
  /// Goes on to the next play; false: there is none.
  bool next() {
    while (!asked_.empty() && asked_.back().value + 1 == fact_counts[asked_.back().fact]) {
      asked_.pop_back();
    }
    if (asked_.empty()) return false;
    ++asked_.back().value;
    return true;
  }
  /// Whether the play is that of a world with these values.
  bool covers(const Values& world) const {
    for (const Asked& one : asked_) {
      if (world[one.fact] != one.value) return false;
    }
    return true;
  }

 private:
  struct Asked {
    Fact fact;
    std::size_t value;
  };
  std::vector<Asked> asked_;
};

/// All values that the facts may have together.
std::vector<Values> all_worlds() {
  std::vector<Values> worlds;
  for (Values world{}; world[policy_server] < fact_counts[policy_server];) {
    worlds.push_back(world);
    std::size_t fact = 0;
    while (++world[fact] == fact_counts[fact] && fact != policy_server) world[fact++] = 0;
  }
  return worlds;
}

/// DNS, as the facts have it.
class World final : public dns::Resolver {
 public:
  explicit World(Facts& facts) : facts_(facts) {}

  Task<dns::Answer> lookup(dns::Question question, std::chrono::milliseconds) override {
    const auto found = [](std::string_view record) {
      return dns::Answer{.status = dns::Status::found, .records = {std::string(record)}};
    };
    const dns::Answer none{.status = dns::Status::nx_domain, .records = {}};
    const dns::Answer failed{.status = dns::Status::server_failure, .records = {}};
    const std::string& name = question.name;
    if (name.ends_with(".bl.example") && question.type == dns::Type::a) {
      const std::string_view listing = listings[facts_.ask(listed)];
      co_return listing.empty() ? none : listing == "no answer" ? failed : found(listing);
    }
    const bool of_sender = name == "spam.example" || name == "partner.example";
    if (!of_sender && name != "relay.example" && name != "foreign.example") co_return none;
    switch (facts_.ask(of_sender ? sender_domain : recipient_domain)) {
      case 0:
        co_return none;
      case 1:
        co_return question.type == dns::Type::a ? found("198.51.100.1") : none;
      default:
        co_return failed;
    }
  }

 private:
  Facts& facts_;
};

/// What clients say; those with the recipient of one Group come one after the other.
std::vector<app::Dialogue> dialogues() {
  const auto address = [](std::string_view text) {
    return *mail::parse_mailbox(text, mail::Utf8::refused);
  };
  std::vector<app::Dialogue> all;
  for (const std::string_view recipient : recipients) {
    for (const std::string_view client : edge_clients) {
      for (const std::string_view sender : senders) {
        for (const std::string_view helo : scope_helos) {
          for (const bool login : {false, true}) {
            app::Dialogue& said = all.emplace_back();
            said.client = *IpAddress::parse(client);
            said.helo = helo;
            said.tls = login;
            if (login) said.login = "alice";
            if (!sender.empty()) said.sender = address(sender);
            said.recipients = {address(recipient)};
          }
        }
      }
    }
  }
  return all;
}

/// Rules by their numbers.
using List = std::vector<std::size_t>;

std::string list_text(const List& list) {
  std::string text;
  for (const std::size_t rule : list)
    text += (text.empty() ? "" : ", ") + std::string(scope_rules[rule]);
  return text;
}

/// Calls for all pairs, those of a set of rules one after the other.
void each_pair(const std::function<void(const List&, const List&)>& call) {
  const auto pairs_of = [&](const List& list) {
    for (std::size_t at = 0; at < list.size(); ++at) {
      List edited = list;
      edited.erase(edited.begin() + static_cast<std::ptrdiff_t>(at));
      call(list, edited);
    }
    // Of these, both ways round would be the same pair.
    for (std::size_t at = 1; at < list.size(); ++at) {
      if (list[at - 1] > list[at]) continue;
      List edited = list;
      std::swap(edited[at - 1], edited[at]);
      call(list, edited);
    }
    for (std::size_t at = 0; at < list.size() && list.size() < 3; ++at) {
      for (std::size_t rule = list[at] + 1; rule < scope_rules.size(); ++rule) {
        if (std::ranges::find(list, rule) != list.end()) continue;
        List edited = list;
        edited[at] = rule;
        call(list, edited);
      }
    }
  };
  const std::function<void(List&, std::size_t)> sets_of = [&](List& set, std::size_t size) {
    if (set.size() == size) {
      List list = set;
      do pairs_of(list);
      while (std::ranges::next_permutation(list).found);
      return;
    }
    for (std::size_t rule = set.empty() ? 0 : set.back() + 1; rule < scope_rules.size(); ++rule) {
      set.push_back(rule);
      sets_of(set, size);
      set.pop_back();
    }
  };
  for (const std::size_t size : {1, 2, 3}) {
    List set;
    sets_of(set, size);
  }
}

/// Kinds of differences, as bits.
using Kinds = unsigned;
constexpr Kinds bit(DifferenceKind kind) { return 1U << static_cast<unsigned>(kind); }

/// Plays dialogues.
class Judge {
 public:
  /// A version that was played.
  struct Judged {
    Edition edition;
    std::vector<std::size_t> fates;  ///< numbers in fates_, by dialogue
  };

  /// Plays all dialogues, or remembers: shorter lists, and the last ones of three rules.
  std::shared_ptr<const Judged> judged(const List& list) {
    const auto known = judged_.find(list);
    if (known != judged_.end()) return known->second;
    constexpr std::size_t enough = 700;
    if (judged_.size() > enough) {
      std::erase_if(judged_, [](const auto& one) { return one.first.size() == 3; });
    }
    auto made = std::make_shared<Judged>();
    made->edition =
        edition_of("lists.toml", std::string(scope_lines) + "smtpd_recipient_restrictions = '" +
                                     list_text(list) + "'\n");
    const policy::Engine engine = engine_of(made->edition.config);
    for (const app::Dialogue& said : dialogues_) {
      made->fates.push_back(in_all_worlds(made->edition, engine, said));
    }
    seen_.insert(list);
    judged_.emplace(list, made);
    return made;
  }

  /// How dialogues with the recipient of a group differ.
  Kinds kinds(const Judged& before, const Judged& after, std::size_t group) {
    Kinds found = 0;
    const std::size_t many = dialogues_.size() / recipients.size();
    for (std::size_t one = group * many; one < (group + 1) * many; ++one) {
      found |= kinds(before.fates[one], after.fates[one]);
    }
    return found;
  }
  /// The first of these dialogues that differs like this; null: there is none.
  const app::Dialogue* example(const Judged& before, const Judged& after, DifferenceKind kind) {
    for (std::size_t one = 0; one < dialogues_.size(); ++one) {
      if (kinds(before.fates[one], after.fates[one]) & bit(kind)) return &dialogues_[one];
    }
    return nullptr;
  }

  /// Which lists were judged.
  const std::set<List>& seen() const { return seen_; }
  /// How many dialogues there are, in all worlds.
  std::size_t many() const { return dialogues_.size() * worlds_.size(); }
  /// How often app::play() was called.
  std::size_t plays() const { return plays_; }

 private:
  /// What becomes of one dialogue: numbers in outcomes_, by world.
  using Fates = std::vector<std::uint8_t>;

  std::size_t in_all_worlds(const Edition& version, const policy::Engine& engine,
                            const app::Dialogue& said) {
    Fates fates(worlds_.size());
    Facts facts;
    World world(facts);
    const app::AskOthers others = [&](policy::Consultation question,
                                      policy::Evidence& evidence) -> Task<void> {
      app::RecordedAnswers answers;
      answers.services[question.service] = std::string(server_answers[facts.ask(policy_server)]);
      co_await app::others_from(answers)(std::move(question), evidence);
    };
    do {
      const Outcome outcome = outcome_of(side_of(app::play({.config = version.config,
                                                            .engine = engine,
                                                            .directory = *version.directory,
                                                            .resolver = world,
                                                            .others = others},
                                                           said)));
      ++plays_;
      const auto number =
          static_cast<std::uint8_t>(std::ranges::find(outcomes_, outcome) - outcomes_.begin());
      if (number == outcomes_.size()) outcomes_.push_back(outcome);
      for (std::size_t one = 0; one < worlds_.size(); ++one) {
        if (facts.covers(worlds_[one])) fates[one] = number;
      }
    } while (facts.next());
    const auto [known, is_new] = numbers_.emplace(fates, fates_.size());
    if (is_new) fates_.push_back(fates);
    return known->second;
  }

  Kinds kinds(std::size_t before, std::size_t after) {
    if (before == after) return 0;
    const auto [known, is_new] = kinds_.emplace(std::pair(before, after), 0);
    for (std::size_t one = 0; one < worlds_.size() && is_new; ++one) {
      const DifferenceKind kind =
          kind_of(outcomes_[fates_[before][one]], outcomes_[fates_[after][one]]);
      if (kind != DifferenceKind::none) known->second |= bit(kind);
    }
    return known->second;
  }

  const std::vector<app::Dialogue> dialogues_ = dialogues();
  const std::vector<Values> worlds_ = all_worlds();
  std::map<List, std::shared_ptr<const Judged>> judged_;
  std::set<List> seen_;
  std::vector<Outcome> outcomes_;
  std::vector<Fates> fates_;
  std::map<Fates, std::size_t> numbers_;  ///< in fates_
  std::map<std::pair<std::size_t, std::size_t>, Kinds> kinds_;
  std::size_t plays_ = 0;
};

/// What plan says, and what was played, in one form.
std::string kinds_words(const std::array<Kinds, 3>& kinds) {
  std::string words;
  for (std::size_t group = 0; group < kinds.size(); ++group) {
    words += std::string(to_string(static_cast<Group>(group))) + ":";
    for (const DifferenceKind kind : {DifferenceKind::refuses_more, DifferenceKind::accepts_more}) {
      if (kinds[group] & bit(kind)) words += " " + std::string(to_string(kind));
    }
    words += "; ";
  }
  for (const DifferenceKind kind : {DifferenceKind::handling, DifferenceKind::replies}) {
    if ((kinds[0] | kinds[1] | kinds[2]) & bit(kind)) words += std::string(to_string(kind)) + " ";
  }
  return words;
}

/// Fails if plan says something else than was played. `answers`: counts what it says.
void expect_what_was_played(Judge& judge, const List& old_list, const List& new_list,
                            std::map<Answer, std::size_t>& answers) {
  const auto before = judge.judged(old_list);
  const auto after = judge.judged(new_list);
  CompareOptions options;
  options.time = std::chrono::minutes(1);
  Comparison found = compare(
      {.name = "old", .config = &before->edition.config, .directory = before->edition.directory},
      {.name = "new", .config = &after->edition.config, .directory = after->edition.directory},
      options);
  ++answers[found.answer()];
  std::array<Kinds, 3> said{};
  std::array<Kinds, 3> played{};
  for (std::size_t group = 0; group < recipients.size(); ++group) {
    played[group] = judge.kinds(*before, *after, group);
    for (const DifferenceKind kind : difference_kinds) {
      if (found.of(kind, found.groups[group]) == Known::yes) said[group] |= bit(kind);
    }
    // Servers know more codes than those of this world.
    played[group] |= said[group] & bit(DifferenceKind::replies);
  }
  const std::string plan = kinds_words(said);
  const std::string shown = kinds_words(played);
  if (plan == shown && found.not_proved.empty()) return;
  std::string text = fmt::format("old: {}\nnew: {}\nplan:   {}\nplayed: {}\n", list_text(old_list),
                                 list_text(new_list), plan, shown);
  for (const NotProved& one : found.not_proved) text += "not proved: " + one.text + "\n";
  for (const Witness& one : found.witnesses) text += "plan shows " + line_of(one) + "\n";
  for (const DifferenceKind kind : difference_kinds) {
    const app::Dialogue* one = judge.example(*before, *after, kind);
    if (one == nullptr) continue;
    text += fmt::format("played {}: {} HELO {} {} <{}> <{}>\n", to_string(kind),
                        one->client.to_string(), *one->helo, one->login.value_or("-"),
                        one->sender ? one->sender->text() : "", one->recipients.front().text());
  }
  ADD_FAILURE() << text;
}

TEST(PlanSmallScope, PlanSaysWhatPlayingAllDialoguesShows) {
  // One pair in so many; 1: all. With 239 from the 70th on, each two rules are in some list, and
  // all kinds of edits have their turn; with ten times as many, each rule is.
  const unsigned stride = amount("POSTERN_PLAN_STRIDE", 239);
  const unsigned first = 69 % stride;
  Judge judge;
  std::map<Answer, std::size_t> answers;
  std::size_t pairs = 0;
  std::size_t compared = 0;
  each_pair([&](const List& one, const List& other) {
    if (pairs++ % stride != first || testing::Test::HasFailure()) return;
    // The answer to the exchanged pair mirrors it, so one of both is enough.
    const bool exchanged = compared++ % 2 == 1;
    expect_what_was_played(judge, exchanged ? other : one, exchanged ? one : other, answers);
  });
  if (HasFailure()) return;
  std::set<std::size_t> rules;
  std::set<std::pair<std::size_t, std::size_t>> together;
  for (const List& list : judge.seen()) {
    for (const std::size_t one : list) {
      rules.insert(one);
      for (const std::size_t other : list) {
        if (one < other) together.emplace(one, other);
      }
    }
  }
  EXPECT_EQ(rules.size(), scope_rules.size()) << "each rule is in a list";
  if (stride <= 239) {
    EXPECT_EQ(together.size(), scope_rules.size() * (scope_rules.size() - 1) / 2)
        << "each two rules meet";
  }
  for (const Answer answer :
       {Answer::same, Answer::refuses_more, Answer::accepts_more, Answer::both}) {
    EXPECT_GT(answers[answer], compared / 50) << to_string(answer);
  }
  if (stride == 1) {
    std::cout << fmt::format(
        "{} lists, {} pairs ({} same, {} refuse more, {} accept more, {} both), {} dialogues each, "
        "{} played\n",
        judge.seen().size(), compared, answers[Answer::same], answers[Answer::refuses_more],
        answers[Answer::accepts_more], answers[Answer::both], judge.many(), judge.plays());
  }
}

}  // namespace
}  // namespace postern::plan
