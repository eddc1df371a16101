// What a decision leaves behind: enough to explain it and to make it again offline.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "policy/evidence.h"
#include "policy/verdict.h"

namespace postern::policy {

/// The name for as long as the process lives: what a policy calls its rules outlasts the policy in
/// traces. Safe from any thread.
std::string_view interned(std::string_view name);

/// One rule's answer. Passing rules are kept too: an explanation shows what did not refuse.
struct Step {
  Stage stage = Stage::connect;
  std::string_view layer;  ///< static name: "webhook", "gateway"
  std::string_view check;  ///< static name from the catalogue
  std::string origin;
  Verdict verdict;
  bool enforced = true;  ///< false in a shadow layer
  std::string spent;     ///< of a script's call: "85 us, 2000 instructions, 1 host call"
};

/// A stage that was decided: its steps, the reply, the time it took, and of the evidence what later
/// stages overwrite, so that the decision can be made again from the transaction's last evidence.
struct Decision {
  Stage stage = Stage::connect;
  std::string recipient;  ///< at Stage::rcpt
  std::vector<Step> steps;
  smtp::Reply reply;                      ///< as sent; code 0: nobody refused
  std::optional<smtp::Reply> permit;      ///< a rule's own words for yes, when nobody refused
  std::optional<std::string> quarantine;  ///< why the message is to be held; nullopt: it is not
  std::chrono::nanoseconds took{0};

  std::optional<Recipient> candidate;  ///< at Stage::rcpt, with its route as it was then
  std::size_t accepted = 0;            ///< recipients accepted before this decision
  std::string_view granted;            ///< name of the layer that let mail be passed on; or empty
  bool discarded = false;              ///< a rule had said before it: take it and throw it away
  bool before_tls = false;             ///< it was made before STARTTLS
  bool after_revoked = false;          ///< the session's credential had been revoked before it
  std::optional<double> rate_tokens;
  std::string script;                ///< Evidence::script_record
  std::optional<LoginRecord> login;  ///< of credentials that a script judged
  /// The layers that decided (Engine::definition); shared by all decisions of an engine.
  std::shared_ptr<const std::string> engine;
};

/// A transaction from its first decision to its end. Moved to the trace writer when it is over.
struct Trace {
  /// Decisions on recipients kept while all is well, and refusals kept beyond them.
  static constexpr std::size_t max_recipients = 50;
  static constexpr std::size_t max_refusals = 100;

  std::string id;  ///< ULID, shown in logs; `postern explain` takes it
  std::chrono::system_clock::time_point started;
  std::vector<Decision> decisions;
  std::size_t omitted = 0;  ///< decisions on recipients that were not kept
  Evidence evidence;
  smtp::Reply reply{.code = 0, .enhanced = {}, .text = {}};  ///< to the end of data; code 0: none
  std::string outcome;  ///< accepted, rejected, deferred, aborted
  /// What its memory is charged to, until the last who keeps it lets go of it.
  std::shared_ptr<const void> charge;

  /// Keeps a decision, or counts it when the transaction has very many recipients: false.
  bool note(Decision decision);
  /// The reply that settled it: to the end of data, else the last refusal; code 0 without.
  smtp::Reply settled() const;
  /// The decision behind it; null when no policy refused: then the endpoint or the queue did, if
  /// anybody.
  const Decision* settling() const;
};

}  // namespace postern::policy
