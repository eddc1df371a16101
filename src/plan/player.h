// Dialogues that a diagram names, played by the production evaluation.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>

#include "config/config.h"
#include "explain/play.h"
#include "plan/compile.h"
#include "plan/deadline.h"
#include "policy/directory.h"

namespace postern::plan {

/// A version of a configuration. Its engine is made when the first dialogue is played.
struct Version {
  std::string name;                                    ///< as the user named it: "old.toml"
  const app::Config* config = nullptr;                 ///< outlives the comparison
  std::shared_ptr<const policy::Directory> directory;  ///< its webhooks; never null
  std::vector<mail::Mailbox> to_webhooks =
      {};  ///< some addresses of webhooks that mail is played to
};

/// What one version did with a dialogue, from the trace of the production evaluation.
struct Side {
  bool taken = false;      ///< answered 250 in the end
  std::string handling;    ///< "deliver", "hold", "discard", if taken
  std::string route;       ///< "relay", "webhook", if taken
  std::string next_hop;    ///< where the route leads, if routes are compared: NextHops::of()
  std::string quarantine;  ///< its name, if routes are compared and a rule has named it
  std::string stage;       ///< "rcpt", if refused
  smtp::Reply reply{.code = 0, .enhanced = {}, .text = {}};  ///< if refused
  std::string layer;  ///< of the rule that decided; empty: none did
  std::string rule;   ///< "reject_unauth_destination"
  std::string at;     ///< "smtpd_relay_restrictions:3"
  std::string place;  ///< "old.toml:4:9"; may be empty
  std::string row;    ///< of its table, if it found one: "partner.test", "192.0.2.0/24"
  std::shared_ptr<const policy::Trace> trace = {};  ///< of the decision
};

/// What was said, and what DNS and other programs answered.
struct Spoken {
  std::string client;                      ///< its address
  std::optional<std::string> client_name;  ///< verified
  std::optional<std::string> helo;         ///< nullopt: none
  bool tls = false;                        ///< after STARTTLS
  std::optional<std::string> login;        ///< nullopt: not authenticated
  app::Early early = app::Early::never;    ///< since when commands come ahead of replies
  std::string sender;                      ///< "": the null sender
  std::string recipient;                   ///< forward-path
  boost::json::object dns;                 ///< a zone, as `explain --dns` reads it
  /// What another program answers.
  struct Answer {
    std::string service;
    std::string asked;    ///< app::asked_of()
    std::string text;     ///< the answer; "absent": the table does not have the key
    bool failed = false;  ///< it does not answer
    auto operator<=>(const Answer&) const = default;
  };
  std::vector<Answer> answers;  ///< in order of service and question
  /// Of the login's password, if the versions have different ones: "old", "new"; "": it does not
  /// matter. Hashes are told to nobody.
  std::string password_of = {};
  std::optional<std::string> spf = {};   ///< the result, if it was given
  std::optional<std::string> dkim = {};  ///< the domain of the one acceptable signature
  /// Who has to take part: "client", "sender_dns", "client_dns", "third_party", "login".
  std::vector<std::string> needs;
};
/// "inet:127.0.0.1:10023 answers DUNNO to RCPT".
std::string words_of(const Spoken::Answer& answer);

/// What a value of a variable asks of the client.
using Cost = std::function<unsigned(Variable, std::size_t value)>;
/// The path to the leaf 1 that asks least of the client; nullopt: there is none.
std::optional<Assignment> cheapest(const Diagrams& diagrams, Ref root, const Cost& cost);
/// The same, where patterns answer as a text makes them answer: other paths are ruled out in the
/// vocabulary and taken out of `left`.
std::optional<Assignment> cheapest(Vocabulary& vocabulary, Ref& left);
/// A value of a variable in words: "partner.test", "192.0.2.0 to 192.0.2.255", "found".
std::string words_for(const Vocabulary& vocabulary, Variable variable, std::size_t value);

/// A pattern or a rule on the path whose answer cannot be supplied, first of all one that is no
/// regular pattern; null: none.
const OpenQuestion* opaque_on(const Vocabulary& vocabulary, const Assignment& path);
/// What such a question is about: "the pattern /^a(.)\1/", or the rule.
std::string name_of(const OpenQuestion& question);
/// Counts dialogues that a diagram named and the production evaluation judged otherwise: a fault of
/// ours.
void note_unconfirmed();

/// What its listeners serve.
ServedSessions served_sessions(const app::Config& config);
/// Whether mail to an address may be taken, if its domain is an address literal.
using TakesLiteral = std::function<bool(const mail::Mailbox&)>;
/// What is refused behind the lists, whatever they say: user@[192.0.2.1], unless that is this host
/// or such mail may be passed on. The result does not need `config`.
TakesLiteral takes_literal(const app::Config& config);
/// The engine of a version. Scripts are copies that reach no server, file or log, and what they
/// remember stays with them. Throws NotCompiled.
policy::Engine engine_of(const app::Config& config);
/// A message that is said where none matters. Lines end in CRLF.
inline constexpr std::string_view plain_message =
    "From: a@sender.test\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\nMessage-ID: <1@sender.test>\r\n"
    "Subject: hello\r\n\r\nhello\r\n";
/// Whether a message that is taken is held by this decision: what an EHLO in front of STARTTLS was
/// answered is forgotten (RFC 3207 §4.2).
bool holds(const policy::Decision& decision);
/// What the production evaluator did, from its trace.
Side side_of(policy::Trace decided);
/// Where one side refuses and another takes: of the rules that permit there, names that of the list
/// which refuses here, if it has one. Otherwise it stays the last one that permits.
void explain_by_one_list(std::vector<Side>& sides);
/// The outcome that a side has.
Outcome outcome_of(const Side& side);

/// What is found out about the message of a dialogue, if that is not what the plain message shows.
struct MessageWorld {
  /// Evidence that is given; null: none is.
  std::function<app::FrozenEvidence(const Assignment&, const app::Dialogue&)> frozen = {};
  /// The answer to a question for texts; nullopt, or null: there are none.
  std::function<std::optional<dns::Answer>(const Assignment&, const app::Dialogue&,
                                           const dns::Question&)>
      text = {};
};

/// Plays dialogues. Not thread-safe.
class Player {
 public:
  /// All outlive this object.
  Player(Vocabulary& vocabulary, std::vector<const Version*> versions, const Deadline& deadline);

  /// Of all dialogues from here on.
  void use(MessageWorld world) { world_ = std::move(world); }

  /// A dialogue that was played on all versions.
  struct Played {
    Spoken spoken;            ///< the dialogue
    std::vector<Side> sides;  ///< by version
  };
  /// Whether this dialogue, with the recipient as candidate, is what the question is about, and
  /// whether the verdicts are as claimed.
  struct Claim {
    std::function<bool(const policy::Evidence&)> about;
    std::function<bool(const std::vector<Side>&)> holds;
    std::optional<mail::Mailbox> to = std::nullopt;  ///< in the place of the path's recipient
    /// What the claim asks of DNS beside the rules: the answers belong to the dialogue.
    std::function<std::vector<dns::Question>(const policy::Evidence&)> also = {};
  };
  /// Plays the dialogue of the path, then, where it hangs on patterns, others with texts that the
  /// patterns may match, until one is as claimed. Nullopt: none is. Blocks.
  std::optional<Played> play(const Assignment& path, const Claim& claim);
  /// How many dialogues were played.
  std::size_t count() const { return count_; }

 private:
  std::vector<std::string> texts_of(const Assignment& values) const;
  static app::Dialogue with_texts(app::Dialogue dialogue,
                                  const std::vector<std::pair<DialogueText, std::string>>& texts);
  bool names_owner(const Assignment& values) const;
  static std::vector<app::Dialogue> with_owners(const std::vector<app::Dialogue>& dialogues);
  static std::vector<app::Dialogue> variants_of(const app::Dialogue& dialogue,
                                                const std::vector<std::string>& texts);
  std::optional<Played> play(const app::Dialogue& dialogue, const Assignment& values,
                             const Chosen& chosen, const policy::Evidence& given,
                             const Claim& claim);

  Vocabulary& vocabulary_;
  const std::vector<const Version*> versions_;
  const Deadline deadline_;
  std::vector<std::optional<policy::Engine>> engines_;
  std::size_t count_ = 0;
  MessageWorld world_;
};

}  // namespace postern::plan
