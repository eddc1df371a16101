// The state that the host functions of `.vsl` work on.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <boost/json.hpp>

#include "base/memory_budget.h"
#include "dialect/vsl/delegation.h"
#include "dialect/vsl/mysql_service.h"
#include "dialect/vsl/object.h"
#include "mail/header_fields.h"
#include "policy/evidence.h"
#include "policy/layer.h"
#include "policy/ruling.h"
#include "policy/verifier.h"
#include "script/bind.h"

namespace mailauth::dkim {
class SigningKey;
}

namespace postern::dialect::vsl {

namespace json = boost::json;

/// The configuration that scripts see. Immutable; shared by sessions.
struct Site {
  std::string domain;    ///< vsl.domain
  std::string hostname;  ///< of this machine
  /// Further local domains, in lower case, each with its DKIM key; null: none.
  std::map<std::string, std::shared_ptr<const mailauth::dkim::SigningKey>, std::less<>>
      virtual_domains;
  /// Of `domain`, from server.dkim; null: none.
  std::shared_ptr<const mailauth::dkim::SigningKey> dkim_key;
  std::string app_directory;                  ///< for write() and dump(); empty: they are errors
  std::vector<std::string> allowed_commands;  ///< that `cmd` services may run: names or paths
  CidrSet relay_networks;                     ///< clients that may relay without asking a script
  bool open_relay_is_known = false;  ///< the operator has confirmed that public addresses may relay
  bool signs = true;                 ///< false: a recorded decision is replayed
  OpenMysql open_mysql = {};         ///< for `db:mysql` services; empty: they do not load
  json::object toml_server;          ///< `toml::server`, secrets masked
  json::object toml_app;             ///< `toml::app`

  /// Whether mail for the domain is local. Ignores case; sub-domains are not included.
  bool is_local(std::string_view domain_name) const;
};

/// A message while rules work on it, one per transaction. Changes to the envelope are kept apart
/// from the client's envelope, which may still grow. What it holds is charged to limits.memory for
/// as long as it lives. For one thread at a time.
struct Draft {
  using Field = mail::HeaderField;  ///< a header field
  /// Before the message is received: fields to be added on top of it. After: all its fields.
  std::vector<Field> header;
  bool has_message = false;     ///< `header` is the message's
  bool header_changed = false;  ///< `header` differs from the received one

  std::optional<mail::Mailbox> sender;  ///< if `sender_changed`; nullopt: the null reverse-path
  bool sender_changed = false;          ///< a rule set `sender`
  std::vector<mail::Mailbox> added;  ///< recipients that scripts added; each of them gets a route
  std::set<std::string> removed;     ///< addresses of removed recipients, in lower case
  std::map<std::string, policy::Transport> transports;  ///< by address in lower case

  /// Set for a message that has come back: the directive that handed it out, after which the rules
  /// continue.
  std::optional<Delegation> resumed;
  /// After quarantine or faccept: the remaining stages of the transaction are skipped.
  std::optional<Status> skip;
  /// Of a rule at RCPT the recipient that it set `skip` for, until it is known whether that one was
  /// accepted.
  std::optional<mail::Mailbox> skip_for;
  /// If other scripts changed the recipients since: those of the current copy, which replace the
  /// transaction's.
  std::optional<std::vector<mail::Mailbox>> base;
  std::optional<policy::ScriptCopy> base_copy;  ///< that copy before our changes
  /// This layer's entry in Evidence::copies; nullopt: none.
  std::optional<policy::ScriptCopy> published;
  /// Names of Authentication-Results fields that rules added; see ScriptCopy::results_of.
  std::set<std::string> results_of;
  bool verified = false;  ///< verify_dkim() was called and has added its field
  std::chrono::system_clock::time_point begun;  ///< time of MAIL, or of the first use
  /// Evidence::message_id when the stage was judged; see message_id_of(). Empty before MAIL.
  std::string id;

  /// Null: nothing is charged. The first budget stays.
  void charge_to(std::shared_ptr<MemoryBudget> budget);
  /// So many octets are about to be added to the header. Throws script::MemoryUsedUp when there is
  /// no room for them.
  void take(std::size_t octets);
  /// Charges what is there now: what edits have removed is given back. Costs a look at each field.
  void recount();

 private:
  std::shared_ptr<MemoryBudget> budget_;  ///< outlives the charge
  MemoryCharge charge_;
  std::size_t octets_ = 0;
};

/// State that outlives the transaction.
struct Session {
  std::shared_ptr<const void> program;   ///< the policy that the session began with
  std::optional<Status> skip;            ///< after quarantine or faccept at connect
  std::optional<Status> skip_from_helo;  ///< likewise at helo; until the next HELO or STARTTLS
};

/// The state of a running directive; see Call::context(). It is null while the policy loads.
struct Context {
  const policy::Evidence& evidence;  ///< of the decision
  policy::Inquiry& inquiry;          ///< of the decision
  const Site& site;                  ///< the configuration
  Draft& draft;                      ///< of the transaction
  policy::Stage stage;               ///< of the directive
  /// Of the current ruling; null at `authenticate`
  std::vector<policy::Effect>* effects = nullptr;
  const policy::AuthAttempt* attempt = nullptr;  ///< at `authenticate`, else null
  /// Asks the configured accounts about the attempt.
  std::function<Task<policy::AuthAnswer>()> authenticate;
};

/// The context of a function that is only useful inside a directive. Throws a sentence outside of
/// one.
inline Context& rule_of(script::Call& call) {
  Context* context = call.context<Context>();
  script::demand(context != nullptr, "only available inside a rule or an action");
  return *context;
}

/// The configuration, inside directives and while the policy loads. Throws a sentence without one.
const Site& site_of(script::Call& call);

/// The current sender; nullopt: the null reverse-path. Throws "the field: `mail_from` is not
/// defined yet, ..." before MAIL.
std::optional<mail::Mailbox> sender_of(const Context& context);
/// The id of the message: its queue id, also in decisions that are made again. Records of older
/// versions do not have it; scripts were then given the session's id, and are given it again.
const std::string& message_id_of(const Context& context);
/// The mailbox in lower case, by which mailboxes are compared.
std::string mailbox_key(const mail::Mailbox& mailbox);
/// The current recipients; the one of a running RCPT is last.
std::vector<mail::Mailbox> recipients_of(const Context& context);
/// The recipients before rules changed them: the client's, or Draft::base.
std::vector<mail::Mailbox> recipients_before(const Draft& draft, const policy::Evidence& evidence);
/// The recipients after rules changed them, without duplicates.
std::vector<mail::Mailbox> recipients_after(const Draft& draft, const policy::Evidence& evidence);
/// The draft with its header read. Throws a sentence before the message is received.
Draft& draft_with_message(Context& context);
/// Adds a field on top of the header. Throws script::MemoryUsedUp, and what mail::header_field()
/// says of an invalid name or value.
void prepend_field(Draft& draft, std::string_view name, std::string_view value);
/// Puts a field at `where`, as an edit. Throws script::MemoryUsedUp.
void insert_field(Draft& draft, std::vector<Draft::Field>::iterator where, Draft::Field field);
/// Removes received Authentication-Results fields with these authentication service identifiers,
/// which a reader would take for ours (RFC 8601 §5).
void erase_results(std::vector<Draft::Field>& fields, const std::set<std::string>& names);
/// Throws "the field: `X` is not defined yet, it only is available from the `Y` stage".
[[noreturn]] void too_early(std::string_view field, std::string_view stage);

}  // namespace postern::dialect::vsl
