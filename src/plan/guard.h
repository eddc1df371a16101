// Whether sentences hold of a configuration, proved (docs/guardrails.md).
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

#include "config/guardrails.h"
#include "mail/address.h"
#include "plan/deadline.h"
#include "plan/player.h"
#include "policy/webhook.h"

namespace postern::plan {

/// What is known of a guardrail.
struct GuardResult {
  /// The answer.
  enum class Word { holds, not_proved, violated };
  std::string name;                  ///< of the guardrail
  Word word = Word::holds;           ///< proved, or with a witness
  std::optional<Spoken> spoken;      ///< the dialogue that breaks it, if violated
  std::vector<std::string> message;  ///< what its message must be: "spf pass"
  Side got;                          ///< what the production evaluation did with it
  std::string reason;                ///< if not proved, a word of docs/plan.md
  std::string text;                  ///< if not proved, one sentence
  std::string doubt;   ///< why it may say less than was meant (G101); empty: nothing is odd
  bool warns = false;  ///< Guardrail::warns: it refuses nothing
  /// If violated where the operator's lists or scripts decide, too, whose rows may be anywhere in
  /// the dialogue: the address of the webhook that was asked about; "": of none.
  std::optional<std::string> beside_rules = {};
};

/// The budget of one check.
struct GuardBudget {
  std::chrono::milliseconds time{10'000};  ///< for all sentences
  /// For mail to each webhook that is asked about, at least, so that what was proved of one edit
  /// after the other is proved of all of them. nullopt: they share `time`, and there are 1,000 at
  /// most.
  std::optional<std::chrono::milliseconds> each = std::chrono::milliseconds(400);
  std::size_t nodes = 4'000'000;  ///< of an arena, at most
  /// Told after each of these proofs how many are done, of how many. Null: nobody asks.
  std::function<void(std::size_t done, std::size_t all)> progress = nullptr;
};
/// What an edit of a webhook or a policy through the API may take.
inline constexpr std::chrono::milliseconds time_of_an_edit{200};
/// What an edit of the lists may take there.
inline constexpr std::chrono::milliseconds time_of_a_list_edit{2'000};

/// Webhooks of a directory.
using Webhooks = std::vector<std::shared_ptr<const policy::Webhook>>;

/// Of which mail the sentences are proved.
struct GuardScope {
  bool host = true;        ///< mail that is for no webhook
  Webhooks webhooks = {};  ///< mail for these; their policies are those of Version::directory
  /// Whether an address is that of a webhook, or at a domain of webhooks, which Version::directory
  /// does not have: mail for it is not asked about. Null: there are none.
  std::function<bool(const mail::Mailbox&)> is_of_others = nullptr;
  /// Has them. Null: Version::directory has all.
  const policy::Directory* others = nullptr;
};

/// The one judge of guardrails: proves each sentence, or finds a dialogue that breaks it and plays
/// it. The answers stand in the order of the sentences. Each webhook is checked on its own; of
/// those that neither the sentences nor the lists tell apart, one for each policy. Blocks for the
/// budget's times at most, and the time of one rule. Thread-safe.
std::vector<GuardResult> check_guardrails(const Version& version, const app::Guardrails& guardrails,
                                          const GuardScope& scope = {},
                                          const GuardBudget& budget = {});
/// The same within the time that is left of `deadline`, which others may share, in place of
/// `budget.time`.
std::vector<GuardResult> check_guardrails(const Version& version, const app::Guardrails& guardrails,
                                          const GuardScope& scope, const Deadline& deadline,
                                          const GuardBudget& budget);
/// A guardrail of OLD that those of NEW do not stand for.
struct Weakened {
  std::string name;  ///< of OLD
  /// What its sentence is for NEW as it is.
  GuardResult::Word now = GuardResult::Word::not_proved;
  bool only_warns = false;  ///< NEW has the same sentence, which refuses nothing there
};
/// Those of `before` that edits of `after` may break without breaking one of its own: proved, for
/// any rules there can be. What only warns does not stand for what does not. Null: none. Blocks as
/// check_guardrails() does.
std::vector<Weakened> weakened(const app::Guardrails* before, const Version& after,
                               const GuardScope& scope, const Deadline& deadline,
                               const GuardBudget& budget);
/// Whether a configuration with this result is refused.
bool refuses(const GuardResult& result, const app::Guardrail& guardrail);

/// "holds", "violated", "not proved".
std::string_view to_string(GuardResult::Word word);
/// The dialogue that breaks a sentence, in one line: "a client at 192.0.2.7 says MAIL FROM:<…> and
/// RCPT TO:<…>, and is answered 250".
std::string dialogue_of(const GuardResult& result);
/// The same for accounts that do not operate the gateway: without the client's name, the login and
/// what tables and servers answer; beside lists or scripts only for which webhook the mail is, and
/// how it is answered.
std::string dialogue_for_all(const GuardResult& result);
/// The same two as JSON, with what the production evaluation did ("got").
boost::json::object witness_of(const GuardResult& result);
boost::json::object witness_for_all(const GuardResult& result);
/// A result as JSON: name, result, and the witness or the reason.
boost::json::object guard_json(const GuardResult& result);
/// What each sentence's result is for who loads the configuration: G002 broken, G003 not proved,
/// G101 odd, at the sentence's place. Those that only warn, and G101, are warnings.
std::vector<app::Diagnostic> diagnostics_of(const std::vector<GuardResult>& results,
                                            const app::Guardrails& guardrails);

}  // namespace postern::plan
