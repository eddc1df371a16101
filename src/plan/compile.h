// Restriction lists as a decision diagram: what they do with each dialogue. Rules are judged by the
// production code, one at a time, for each class of what they look at and each answer that DNS or a
// program can give (docs/plan.md, "How it is proved").
#pragma once

#include <array>
#include <compare>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dialect/restrictions/rule_effect.h"
#include "plan/classes.h"
#include "plan/diagram.h"
#include "plan/pattern_languages.h"
#include "plan/same_rules.h"
#include "policy/dns_list.h"
#include "policy/evidence.h"

namespace postern::plan {

/// Thrown for what cannot be compiled.
struct NotCompiled : std::runtime_error {
  /// `reason`: a word of docs/plan.md, "Not proved"; `what`: the rule or table.
  NotCompiled(std::string reason_word, const std::string& what)
      : std::runtime_error(what), reason(std::move(reason_word)) {}
  std::string reason;  ///< reason_word
};

/// An answer that a question about DNS or of a program may have.
struct PossibleAnswer {
  dns::Answer dns = {};               ///< for a question of DNS
  policy::Consultation service = {};  ///< for a program: answer and failed
  std::string words;                  ///< "missing", "found", "127.0.0.2"
};

/// A question that both versions may ask, with its possible answers. The first answer is the one of
/// an empty world.
struct OpenQuestion {
  std::string key;  ///< unique; with placeholders where the client's address stands
  /// The key in one line, for people.
  std::string name() const { return key.substr(0, key.find('\n')); }
  std::optional<dns::Question> dns;             ///< as asked of the first client
  std::optional<policy::Consultation> service;  ///< as first asked
  std::optional<dialect::restrictions::PatternQuestions::Question> pattern;  ///< and a key
  std::optional<DialogueText> about;  ///< what the key is, for a pattern; nullopt: only this key
  bool is_rule = false;  ///< what a rule does: the answers are those of steps_of() in compile.cc
  std::string zone;      ///< of a list in DNS
  /// The part of the dialogue that alone has what is asked about; nullopt: no part, or several.
  std::optional<Axis> of;
  std::vector<PossibleAnswer> answers;  ///< by the variable's value
  Variable variable = 0;                ///< in the arena
};

/// In an answer of PossibleAnswer::service, where the client's own login stands.
inline constexpr std::string_view own_login = "%login";
/// The question with this answer, for a client with this login ("": none).
policy::Consultation answered(policy::Consultation question, const PossibleAnswer& answer,
                              std::string_view login);

/// What becomes of a dialogue.
struct Outcome {
  bool taken = false;                              ///< answered 250 in the end
  bool hold = false;                               ///< if taken
  bool discard = false;                            ///< if taken
  policy::Stage stage = policy::Stage::connect;    ///< if refused
  dialect::restrictions::ReplyCodes refusal = {};  ///< if refused
  auto operator<=>(const Outcome&) const = default;
  /// "deliver", "hold" or "discard".
  std::string_view handling() const { return discard ? "discard" : hold ? "hold" : "deliver"; }
};

/// Fills in what a client has said and done so far, of the classes with these numbers.
struct Chosen {
  std::size_t value[axis_count] = {};  ///< by Axis
  std::size_t operator[](Axis axis) const { return value[static_cast<std::size_t>(axis)]; }
  std::size_t& operator[](Axis axis) { return value[static_cast<std::size_t>(axis)]; }
};

/// Texts for which patterns answer as a path says.
struct PatternTexts {
  /// There are none: with these values.
  std::optional<Assignment> impossible = {};
  /// Texts that can be said, as far as they were found.
  std::vector<std::pair<DialogueText, std::string>> texts = {};
};

/// The vocabulary of one comparison: classes, questions and their variables. Not thread-safe.
class Vocabulary {
 public:
  /// `words`, `served`: of both versions. `directories`: of classes_of().
  Vocabulary(Diagrams& diagrams, const dialect::restrictions::PolicyWords& words,
             const std::string& delimiters, const ServedSessions& served = {},
             const std::vector<const policy::Directory*>& directories = {});

  /// The arena.
  Diagrams& diagrams() { return diagrams_; }
  /// The classes.
  const Classes& classes() const { return classes_; }
  /// Whether all recipients are addresses of webhooks, for what is compiled from here on.
  void to_webhooks(bool are) { classes_.to_webhooks = are; }
  /// Whether all clients have connected to their own address, for what is compiled from here on.
  void reach_themselves(bool do_so) { classes_.reach_themselves = do_so; }
  /// The variable of a part of the dialogue.
  static Variable variable(Axis axis) { return static_cast<Variable>(axis); }
  /// The question with this variable; null: it is a part of the dialogue.
  const OpenQuestion* question(Variable variable) const;
  /// Whether the answers of a rule cannot be listed: it is a question itself.
  bool is_opaque(const dialect::restrictions::Rule& rule) const { return opaque_.contains(&rule); }
  /// All questions.
  const std::vector<std::unique_ptr<OpenQuestion>>& questions() const { return questions_; }

  /// The question of DNS; `client`: whose questions it may be. Throws NotCompiled.
  const OpenQuestion& ask(const dns::Question& question, const IpAddress& client);
  /// The question to a program. `after_starttls`: at the second EHLO (RFC 3207 §4.2).
  const OpenQuestion& ask(const policy::Consultation& question, bool after_starttls = false);
  /// What the key of a rule that looks at these parts is in dialogues of these classes; nullopt:
  /// none of their texts, or more than one.
  std::optional<DialogueText> text_of(
      const dialect::restrictions::PatternQuestions::Question& question,
      const std::vector<Axis>& axes, const Chosen& chosen);
  /// The question whether a pattern matches a key, which is `about` this text.
  const OpenQuestion& ask(const dialect::restrictions::PatternQuestions::Question& question,
                          const std::optional<DialogueText>& about);
  /// What the pattern says of all such texts of a class; nullopt: not of all the same, or it is not
  /// known.
  std::optional<bool> known_answer(
      const dialect::restrictions::PatternQuestions::Question& question, const DialogueText& about,
      std::size_t value) {
    return languages_.answer(question.first, about, value);
  }
  /// The same of a key that is no text of its class because the gateway has completed addresses
  /// without domain, all with the domain that the key has.
  std::optional<bool> known_if_completed(
      const dialect::restrictions::PatternQuestions::Question& question,
      const std::vector<Axis>& axes, const Chosen& chosen);
  /// What texts there are for which patterns answer as the path says.
  PatternTexts texts_on(const Assignment& path);

  /// What the gateway answers without asking anybody, as Consultation::answer.
  using Known = std::function<std::optional<std::string>(const policy::Consultation&)>;
  /// Of all questions from here on.
  void know(Known known) { known_ = std::move(known); }

  /// A fact about the message (plan/facts.h) that has one of these values, by their words. The
  /// first is that of a plain message.
  const OpenQuestion& ask_fact(const std::string& key, const std::vector<std::string>& words);
  /// What a rule does whose answers cannot be listed; equal keys are equal rules, of this keyword.
  const OpenQuestion& ask_rule(const std::string& key,
                               const dialect::restrictions::Keyword& keyword);

  /// These values of variables come together in no dialogue, whatever possible() has said.
  void rule_out(Assignment values) { ruled_out_.push_back(std::move(values)); }

  /// Numbers an outcome.
  Leaf number(const Outcome& outcome);
  /// The outcome with this number.
  const Outcome& outcome(Leaf number) const { return outcomes_[number]; }

  /// What is certain of questions: 1 where a dialogue is possible, else 0.
  Ref possible();
  /// 1 where the client has a name as only networks have (NameClass::like_network), else 0.
  Ref like_networks();

 private:
  OpenQuestion& add(OpenQuestion question);
  std::optional<Axis> part_with(std::string_view name) const;

  Diagrams& diagrams_;
  Classes classes_;
  std::vector<policy::DnsList> zones_;
  std::set<const dialect::restrictions::Rule*> opaque_;
  std::set<std::string> actions_;
  std::vector<std::string> by_settings_;
  std::vector<std::unique_ptr<OpenQuestion>> questions_;
  std::map<std::string, OpenQuestion*> by_key_;
  std::map<Outcome, Leaf> numbers_;
  std::vector<Outcome> outcomes_;
  bool asks_rows_;
  bool asks_owners_;
  /// The parts that say a name or an address, in lower case, as bits.
  std::unordered_map<std::string, unsigned> parts_;
  Known known_;
  PatternLanguages languages_;
  std::vector<Assignment> ruled_out_;
};

/// The first labels of names about a client in lists in DNS: "7.113.0.203" (RFC 5782 §2.1).
std::string reversed_client(const IpAddress& client);
/// Whether the list has a name for which DNS gives this answer.
bool has_listed(const policy::DnsList& list, const dns::Answer& answer);

/// What a client says up to a stage, with the answers of DNS about its name. An unverified name has
/// no address: rules about the client's name do not tell it from one with another address.
policy::Evidence evidence_of(const Classes& classes, const Chosen& chosen, policy::Stage stage,
                             bool after_starttls = true);

/// Whether mail to the recipient is taken before any list is asked: <postmaster> without a domain
/// (RFC 5321 §4.5.1), and perhaps the sender of probes.
bool taken_first(const dialect::restrictions::ListPolicy& policy, const mail::Mailbox& recipient);

/// Where the rules of lists decide: 1 for the dialogues in which one refuses, permits or leaves
/// something behind (a reason to defer, HOLD, DISCARD). Where a list runs at an early command
/// (smtpd_delay_reject = no), also in dialogues that an earlier list has ended.
struct Decisions {
  std::map<const dialect::restrictions::Rule*, Ref> by_rule;
  /// Lists that stand in values of tables and in answers: their rules live as long.
  std::vector<std::shared_ptr<const dialect::restrictions::List>> lists;
};

/// The diagram of the outcomes of a policy: its leaves are Vocabulary::outcome() numbers. Throws
/// NotCompiled and OverBudget.
/// `settings`: parameters that rules depend on beside their own words; rules that are questions are
/// the same in two policies if these are.
Ref compile(const dialect::restrictions::ListPolicy& policy, Vocabulary& vocabulary,
            const std::string& settings = {}, Decisions* decisions = nullptr);

/// compile() is about clients that give one name in EHLO, before and after STARTTLS. Throws
/// NotCompiled if others may be judged otherwise (smtpd_delay_reject = no): "several_greetings".
/// `settings`: as for compile().
void refuse_several_greetings(const dialect::restrictions::ListPolicy& policy,
                              Vocabulary& vocabulary, const std::string& settings = {});

/// The diagrams of two policies, with their settings; OLD is the first. Rules that both have are
/// judged once. Throws NotCompiled and OverBudget.
std::array<Ref, 2> compile_both(
    const std::array<const dialect::restrictions::ListPolicy*, 2>& policies,
    const std::array<std::string, 2>& settings, const SameRules& same, Vocabulary& vocabulary);

/// The Group of each recipient, as its number, and of the answers of patterns and programs in the
/// lists of domains. Throws NotCompiled and OverBudget.
Ref destinations(const dialect::restrictions::ListPolicy& policy, Vocabulary& vocabulary);

}  // namespace postern::plan
