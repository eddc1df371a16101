// Whether sentences hold of a configuration, proved.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "plan/player.h"
#include "plan/sentence.h"

namespace postern::plan {

/// A sentence with its name.
struct Guardrail {
  std::string name;    ///< unique
  std::string text;    ///< as written
  Sentence sentence;   ///< the same, read
  bool warns = false;  ///< enforce = "warn": a broken one is a warning
};

/// What is known of a guardrail.
struct GuardResult {
  /// The answer.
  enum class Word { holds, violated, not_proved };
  std::string name;              ///< of the guardrail
  Word word = Word::holds;       ///< proved, or with a witness
  std::optional<Spoken> spoken;  ///< the dialogue that breaks it, if violated
  Side got;                      ///< what the production evaluation did with it
  std::string reason;            ///< if not proved, a word of docs/plan.md
  std::string text;              ///< if not proved, one sentence
  bool vacuous = false;          ///< its condition cannot be met
};

/// The budget of one check.
struct GuardBudget {
  std::chrono::milliseconds time{2000};  ///< for all sentences
  std::size_t nodes = 1'000'000;         ///< of the arena, at most
};

/// Proves each sentence, or finds a dialogue that breaks it and plays it. In the order given.
/// Blocks.
std::vector<GuardResult> check_guardrails(const Version& version,
                                          const std::vector<Guardrail>& guardrails,
                                          const GuardBudget& budget = {});
/// "holds", "violated", "not proved".
std::string_view to_string(GuardResult::Word word);
/// The dialogue that breaks a sentence, in one line: "a client at 192.0.2.7 says MAIL FROM:<…> and
/// RCPT TO:<…>, and is answered 250".
std::string dialogue_of(const GuardResult& result);

}  // namespace postern::plan
