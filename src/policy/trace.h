// The trace of a transaction's decisions: enough to explain and to replay them offline.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "policy/evidence.h"
#include "policy/ruling.h"
#include "policy/step.h"
#include "policy/tape.h"
#include "policy/verdict.h"

namespace postern::policy {

/// A copy of the name that lives as long as the process, for names that must outlive their policy
/// in traces. Thread-safe.
std::string_view interned(std::string_view name);

/// The decision of one stage: steps, reply, time, and the evidence that later stages overwrite.
/// With the transaction's last evidence it is enough to replay the decision.
struct Decision {
  Stage stage = Stage::connect;  ///< decided
  std::string recipient;         ///< address of the candidate, at Stage::rcpt
  std::vector<Step> steps;       ///< of all layers, in order
  smtp::Reply reply;             ///< as sent; code 0: not refused
  std::optional<smtp::Reply>
      permit;  ///< a rule's reply to an accepted command; nullopt: the standard one
  std::optional<std::string> quarantine;  ///< why the message is held; nullopt: it is not
  std::chrono::nanoseconds took{0};       ///< wall time of the decision

  std::optional<Recipient> candidate;  ///< at Stage::rcpt, with its route before the decision
  std::size_t accepted = 0;            ///< recipients accepted before this decision
  std::vector<EffectNote> effects;     ///< of all layers, in the order applied
  bool discarded = false;              ///< a rule had discarded the message before
  bool before_tls = false;             ///< made before STARTTLS
  bool early = false;                  ///< SessionFacts::early_talker at the time
  bool counted = false;                ///< is in another trace too, which metrics count
  bool after_revoked = false;          ///< made after the session's credential was revoked
  std::optional<double> rate_tokens;   ///< Evidence::rate_tokens
  std::string script;                  ///< Tape::record
  std::optional<LoginRecord> login;    ///< credentials that a script judged
  /// Engine::definition() of the deciding engine; shared by all its decisions.
  std::shared_ptr<const std::string> engine;
};

/// A transaction from its first decision to its end; then moved to the trace writer.
struct Trace {
  /// A trace with so many decisions, of all stages, keeps no further ones on recipients.
  static constexpr std::size_t max_recipients = 50;
  /// Further refusals that are kept.
  static constexpr std::size_t max_refusals = 100;

  std::string id;  ///< ULID, as in logs; argument of `postern explain`
  std::chrono::system_clock::time_point started;  ///< the first decision
  std::vector<Decision> decisions;                ///< in order
  std::size_t omitted = 0;                        ///< decisions on recipients that were not kept
  Evidence evidence;                              ///< at the end of the transaction
  smtp::Reply reply{.code = 0, .enhanced = {}, .text = {}};  ///< to the end of data; code 0: none
  std::string outcome;  ///< accepted, rejected, deferred, aborted
  /// Holds the memory charge until the last holder of the trace releases it.
  std::shared_ptr<const void> charge;

  /// Keeps the decision. Beyond the limits it only counts it and returns false.
  bool note(Decision decision);
  /// The final reply: to the end of data, else the last refusal; code 0: none.
  smtp::Reply settled() const;
  /// The decision that made the final reply. Null if no policy refused; the endpoint or the queue
  /// may have.
  const Decision* settling() const;
};

}  // namespace postern::policy
