// The restriction lists of two versions, read as one: their words, their classes and questions.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "dialect/restrictions/policy_words.h"
#include "plan/compile.h"
#include "plan/player.h"
#include "plan/settings_answers.h"

namespace postern::plan {

/// Two versions that are compared. Not thread-safe.
class ListPair {
 public:
  /// The versions outlive this object.
  ListPair(const Version& before, const Version& after) : sides_{&before, &after} {}

  /// Reads the words of the lists that there are. Throws NotCompiled: lists are in shadow.
  void read();
  /// What tells dialogues apart. More may be added before vocabulary().
  dialect::restrictions::PolicyWords& words() { return words_; }
  /// By version; null: it has no lists, or read() was not called.
  const std::array<std::shared_ptr<const dialect::restrictions::ListPolicy>, 2>& lists() const {
    return lists_;
  }

  /// Made of the words. `diagrams` outlives it. `delimiters`: of extensions that somebody besides
  /// the lists tells apart. Throws TooManyClasses.
  std::unique_ptr<Vocabulary> vocabulary(Diagrams& diagrams,
                                         const std::string& delimiters = {}) const;
  /// What the lists of both versions do with each dialogue; OLD is the first. Throws NotCompiled,
  /// also if a version has none, and OverBudget.
  std::array<Ref, 2> compile(Vocabulary& vocabulary) const;
  /// Of one version; `side`: 0 is OLD. `decisions`: as plan::compile(). Throws the same.
  Ref compile(std::size_t side, Vocabulary& vocabulary, Decisions* decisions = nullptr) const;
  /// Whether it may matter that a client has connected to its own address: with inet_interfaces =
  /// all it is this host then, whatever the address is.
  bool asks_for_own_clients() const;
  /// The group of an address is its class in OLD, unless foreign there; then its class in NEW. Both
  /// have lists.
  Group group_of(const policy::Evidence& evidence) const;
  /// The same of each recipient, which patterns and programs may have to say.
  Ref groups(Vocabulary& vocabulary) const;

  /// Why nothing is the same in both versions that is not in the diagrams.
  struct Unseen {
    std::string reason;         ///< a word of docs/plan.md, "Not proved"
    std::string text;           ///< one sentence
    bool only_foreign = false;  ///< only mail to foreign destinations
  };
  /// All of them.
  std::vector<Unseen> unseen() const;
  /// Of mail for the sender of probes, which is taken before the lists.
  std::optional<Unseen> probe_sender() const;
  /// Of addresses that the session of one version alone refuses by their form.
  std::optional<Unseen> envelopes() const;
  /// Of policy servers that get other requests about the same dialogue.
  std::optional<Unseen> told_otherwise() const;
  /// Of answers of other programs that judge otherwise, and are not followed.
  std::vector<Unseen> answers_otherwise() const;
  /// Whether refusals may have other codes that are not followed: smtpd_reject_filter_maps changes
  /// them otherwise, or another program answers with a rule whose code differs.
  bool codes_otherwise() const;

 private:
  void must_be_listed() const;

  const std::array<const Version*, 2> sides_;
  std::array<std::shared_ptr<const dialect::restrictions::ListPolicy>, 2> lists_;
  dialect::restrictions::PolicyWords words_;
  std::string delimiters_;
  SameRules same_;
  std::vector<NotFollowed> not_followed_;
};

/// Patterns that are asked and may take more steps than are allowed, as they are written.
std::set<std::string> patterns_that_may_give_up(const Vocabulary& vocabulary);

}  // namespace postern::plan
