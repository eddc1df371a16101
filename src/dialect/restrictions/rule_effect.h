// What one rule does on its own, and what it can look at: what the comparison of policies
// (src/plan) is made of. The rules are judged by the same functions as in evaluate().
#pragma once

#include <compare>
#include <memory>
#include <optional>
#include <tuple>

#include "dialect/restrictions/pattern_questions.h"
#include "dialect/restrictions/rules.h"
#include "policy/evidence.h"
#include "policy/trace.h"

namespace postern::dialect::restrictions {

/// Nesting of lists; Postfix has the same limit. A deeper list is an error of the configuration.
inline constexpr int max_nested_lists = 100;

/// Code and enhanced code of a reply; no text.
struct ReplyCodes {
  std::uint16_t code = 0;            ///< 450, ...
  smtp::EnhancedCode enhanced = {};  ///< its first digit is that of the code
  bool operator==(const ReplyCodes& other) const { return (*this <=> other) == 0; }
  std::strong_ordering operator<=>(const ReplyCodes& other) const {
    return std::tie(code, enhanced.klass, enhanced.subject, enhanced.detail) <=>
           std::tie(other.code, other.enhanced.klass, other.enhanced.subject,
                    other.enhanced.detail);
  }
};

/// What permits in the rules of a table's row mean to the rule that has the table.
enum class InnerPermit : std::uint8_t {
  permits,
  passes,  ///< the recipient has a route of the sender's own
  fails,   ///< the table may not permit: an error of the configuration
};

/// What a rule does when no reason to defer has been raised before it.
struct RuleEffect {
  RuleOutcome outcome = RuleOutcome::pass;  ///< with `wait` one of the members `wanted_` is set
  ReplyCodes refusal = {};                  ///< with `refuse`
  bool yields = false;                      ///< with `refuse`: a raised defer_if_reject replaces it
  std::optional<ReplyCodes> defers_if_permit = {};  ///< it raises this reason
  std::optional<ReplyCodes> defers_if_reject = {};  ///< it raises this reason
  bool holds = false;                               ///< HOLD
  bool discards = false;                            ///< DISCARD; the outcome is then `permit`
  /// The rules of the table's row that was found, which stand for this rule; null: none.
  std::shared_ptr<const List> rules = nullptr;
  InnerPermit inner_permit = InnerPermit::permits;                ///< if there are `rules`
  std::optional<dns::Question> wanted_dns = {};                   ///< the first missing answer
  std::optional<policy::Consultation> wanted_service = {};        ///< the same of a program
  std::optional<PatternQuestions::Question> wanted_pattern = {};  ///< the same about a pattern
};

/// The keys that stand for others, and what is known of patterns and these keys.
struct KnownPatterns {
  const std::set<std::string, std::less<>>& keys;
  PatternQuestions::Answers answers = {};
};

/// The moment at which a rule is judged.
struct RuleMoment {
  ListKind list = ListKind::recipient;        ///< the list that has the rule
  policy::Stage stage = policy::Stage::rcpt;  ///< of the command
  bool warn_only = false;                     ///< behind warn_if_reject
  bool looks_back = false;                    ///< as Context::look_back()
};

/// Judges one rule that is not a restriction class. The rules of a table's row are not run:
/// RuleEffect::rules has them.
RuleEffect effect_of(const ListPolicy& policy, const Rule& rule, const RuleMoment& moment,
                     const policy::Evidence& evidence, const KnownPatterns& patterns);
/// The same for the check behind the lists, whether the address exists: of the recipient, or of the
/// sender (Subject).
RuleEffect effect_of_unlisted(const ListPolicy& policy, Subject subject, const RuleMoment& moment,
                              const policy::Evidence& evidence, const KnownPatterns& patterns);

/// Which destination an address is, by the rules of reject_unauth_destination.
enum class Destination : std::uint8_t {
  ours,     ///< of a local or virtual domain
  relay,    ///< of a relay domain
  foreign,  ///< of another domain, or with a route of the sender's own
};
/// Of the recipient of this evidence.
Destination destination_of(const ListPolicy& policy, const policy::Evidence& evidence);
/// The same as an effect, with the questions that the lists of domains ask: `permit` for ours,
/// `refuse` for relay, `pass` for foreign.
RuleEffect effect_of_destination(const ListPolicy& policy, const policy::Evidence& evidence,
                                 const KnownPatterns& patterns);

/// The address that rules look at: with its domain, which myorigin and append_dot_mydomain
/// complete, and without a route through this host, unless a webhook has it:
/// `user%elsewhere@ours` is user@elsewhere. A sender is read as a recipient without a route is.
mail::Mailbox looked_at(const ListPolicy& policy, const policy::Recipient& recipient);

/// The facts of the dialogue that the effect of a rule may depend on, besides answers of DNS and of
/// programs.
struct LooksAt {
  bool client = false;     ///< its address
  bool name = false;       ///< its host name
  bool helo = false;       ///< the name in HELO
  bool session = false;    ///< TLS, certificate, login
  bool sender = false;     ///< the reverse-path
  bool recipient = false;  ///< the forward-path
  bool early = false;      ///< whether commands came ahead
  bool others = false;     ///< whether the message has other recipients
};
/// Of a rule. For a keyword that is not known here: everything.
LooksAt looks_at(const ListPolicy& policy, const Rule& rule);

}  // namespace postern::dialect::restrictions
