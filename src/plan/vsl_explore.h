// The `.vsl` rules of a version as a decision diagram: the production evaluation runs watched
// dialogues, and each thing that a run looks at becomes a question of the diagram (docs/plan.md,
// "`.vsl` rules").
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "config/config.h"
#include "dialect/vsl/policy.h"
#include "explain/play.h"
#include "plan/diagram.h"
#include "plan/player.h"
#include "plan/vsl_classes.h"
#include "plan/vsl_text.h"
#include "policy/layer.h"

namespace postern::plan {

/// What the rules do with a dialogue.
struct VslOutcome {
  /// How much the rules allow.
  enum class Rank { refused, no_route, taken };
  Rank rank = Rank::refused;
  std::string handling;                            ///< "deliver", "quarantine:NAME", if taken
  std::string stage;                               ///< if not taken
  dialect::restrictions::ReplyCodes refusal = {};  ///< likewise
  auto operator<=>(const VslOutcome&) const = default;
};
/// What they did in a trace.
VslOutcome vsl_outcome_of(const policy::Trace& trace);
/// What becomes of a message that was taken: "deliver", "hold", "dead", "quarantine:NAME".
std::string handling_of(const policy::Trace& trace);

/// The values of what a dialogue was asked, by name; the rest has the value 0.
using VslValues = std::map<std::string, std::size_t, std::less<>>;

/// What two versions have in common: classes, questions and their variables. Not thread-safe.
class VslWorld {
 public:
  /// `words`: what was compared so far; outlives it, as the diagrams do.
  VslWorld(Diagrams& diagrams, dialect::vsl::WatchedWords& words, const ServedSessions& served,
           bool with_lists);

  Diagrams& diagrams() { return diagrams_; }              ///< the arena
  const VslClasses& classes() const { return classes_; }  ///< of the parts
  dialect::vsl::WatchedWords& words() { return words_; }  ///< what was compared
  Variable variable(const std::string& name);             ///< of a part or question
  const std::string& name_of(Variable variable) const { return names_[variable]; }
  std::size_t count(const std::string& name) const;  ///< how many values it has
  Leaf number(const VslOutcome& outcome);            ///< numbers an outcome
  const VslOutcome& outcome(Leaf number) const { return outcomes_[number]; }

  /// The dialogue with these values.
  app::Dialogue dialogue(const VslValues& values, Member member = Member::one) const;
  /// Evidence about its message.
  app::FrozenEvidence frozen(const VslValues& values, Member member = Member::one) const;

 private:
  Diagrams& diagrams_;
  dialect::vsl::WatchedWords& words_;
  const VslClasses classes_;
  std::map<std::string, Variable, std::less<>> variables_;
  std::vector<std::string> names_;
  std::map<VslOutcome, Leaf> numbers_;
  std::vector<VslOutcome> outcomes_;
};

/// The value of a part or question.
std::size_t value_of(const VslValues& values, std::string_view name);
/// Whether a version's rules say that mail for the domain is local.
bool is_local_in(const app::Config& config, std::string_view domain);
/// The domains of [vsl] and [[vsl.virtual]], in lower case.
std::set<std::string> local_domains(const dialect::vsl::Site& site);

/// The rules of one version. Not thread-safe.
class VslExplorer {
 public:
  /// `routed`: every recipient has a route besides what the rules say, as one that lists let
  /// through, or a webhook's. Else the dialogue ends at RCPT where the rules give none. Throws
  /// NotCompiled.
  VslExplorer(const Version& version, bool routed);

  /// What the domains and networks of the configuration tell apart.
  void add_words(dialect::vsl::WatchedWords& words) const;
  /// Throws NotCompiled if rules at the greeting or EHLO ask whether there is TLS.
  void refuse_implicit_tls();
  /// The first rule at EHLO that calls a function, "is_secured". Null: there is none.
  const dialect::vsl::Directive* rule_at_ehlo(const std::string& function);
  /// What decides at EHLO, equal for equal rules. Nullopt: a rule there or at the greeting may do
  /// more than refuse a client or let it pass. To be called after explore().
  std::optional<std::string> gate_at_ehlo();
  /// The diagram: its leaves are VslWorld::outcome() numbers. `passing`: of clients that passed
  /// these rules at EHLO with other names than the last one. Nullopt: a directive turned out to be
  /// one that cannot be watched; all has to begin again. Throws OverBudget.
  using Ehlo = dialect::vsl::Watch::Ehlo;
  std::optional<Ref> explore(VslWorld& world, Ehlo passing = Ehlo::none);

  /// A directive that is a question.
  struct Replaced {
    std::string key;      ///< equal for equal ones
    bool relays = false;  ///< it may grant a route
    std::string place;    ///< "main.vsl:3:5 rule 'x'"
    std::string what;     ///< the function that cannot be watched
  };
  /// By index.
  const std::map<std::size_t, Replaced>& replaced() const { return replaced_; }
  std::size_t runs() const { return runs_; }  ///< dialogues that were watched

 private:
  /// How far the rules have come: directives in front have passed, and left nothing behind.
  using Position = dialect::vsl::WatchedSpot;
  struct Run {
    VslOutcome outcome;
    std::vector<std::string> asked;
    /// The first directive passes, by what was asked alone: where the rules go on. The outcome is
    /// then void.
    std::optional<Position> next;
  };
  /// What becomes of a dialogue once the rules have come to a position.
  std::optional<Ref> from(VslWorld& world, const Position& position);
  std::optional<Run> run(VslWorld& world, const VslValues& values, const Position& position,
                         Member member = Member::one);
  /// What the first directive does, or what becomes of the dialogue: where the rules go on, a leaf
  /// is behind first_position, for its place in `nexts`, which grows.
  std::optional<Ref> explore(VslWorld& world, VslValues& values, const Position& position, Run run,
                             std::vector<Position>& nexts);
  bool holds_for_others(VslWorld& world, const VslValues& values, const Position& position,
                        const Run& run);
  std::vector<std::pair<std::string, std::string>> stand_for_others(dialect::vsl::Watch& watch,
                                                                    const VslWorld& world,
                                                                    const VslValues& values,
                                                                    const app::Dialogue& dialogue,
                                                                    Member member) const;
  void look_as_the_layer(dialect::vsl::Watch& watch, const VslWorld& world,
                         const Position& position, const policy::Trace& trace) const;
  /// The first directive of the stages from this one to EHLO that calls this function;
  /// null: none does.
  const dialect::vsl::Directive* caller_of(const std::string& name, policy::Stage from);
  void replace(std::size_t directive, const std::string& what);
  /// text_of(), which reads all of the policy each time.
  const VslDirective& directive_at(std::size_t index);

  std::shared_ptr<const dialect::vsl::VslPolicy> policy_;  ///< watched; null: there are no rules
  bool enforces_ = false;                                  ///< not in shadow
  app::Config config_;                                     ///< without what is not compared
  policy::Directory directory_;
  std::string definition_;  ///< of the rules, in lower case
  std::optional<policy::Engine> engine_;
  std::map<std::size_t, Replaced> replaced_;
  std::map<std::size_t, VslDirective> directives_;  ///< known ones
  std::map<Position, Ref> known_;                   ///< from()
  Ehlo passing_ = Ehlo::none;                       ///< of explore()
  std::size_t runs_ = 0;
};

}  // namespace postern::plan
