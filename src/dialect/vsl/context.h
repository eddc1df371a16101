// What the host functions of `.vsl` work on.
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

#include "dialect/vsl/delegation.h"
#include "dialect/vsl/object.h"
#include "mail/header_fields.h"
#include "mailauth/dkim/sign.h"
#include "policy/evidence.h"
#include "policy/layer.h"
#include "policy/verifier.h"
#include "script/bind.h"

namespace postern::dialect::vsl {

namespace json = boost::json;

/// What the configuration tells scripts. Immutable; shared by sessions.
struct Site {
  std::string domain;    ///< vsl.domain
  std::string hostname;  ///< of this machine
  /// Domains beside `domain`, in lower case, each with the key that signs for it, if it has one.
  std::map<std::string, std::shared_ptr<const mailauth::dkim::SigningKey>, std::less<>>
      virtual_domains;
  std::shared_ptr<const mailauth::dkim::SigningKey> dkim_key;  ///< server.dkim; null: none
  std::string app_directory;                  ///< of write() and dump(); empty: they are errors
  std::vector<std::string> allowed_commands;  ///< of `cmd` services: a name or a path
  CidrSet relay_networks;                     ///< clients that may relay without asking a script
  bool open_relay_is_known = false;           ///< strangers may be among those who may relay
  bool signs = true;                          ///< false: a recorded decision is made again
  json::object toml_server;                   ///< `toml::server`, secrets masked
  json::object toml_app;

  /// Whether mail for the domain is ours: case-insensitive, no sub-domains.
  bool is_local(std::string_view domain_name) const;
};

/// A message while rules look at it; one for a transaction. Edits of the envelope are kept apart
/// from what the client said, which may still grow.
struct Draft final : policy::ScriptTransaction {
  using Field = mail::HeaderField;
  /// Until the message is there, fields that wait to be put on top of it; then all of them.
  std::vector<Field> header;
  bool has_message = false;  ///< `header` is the message's
  bool header_changed = false;

  std::optional<mail::Mailbox> sender;  ///< when `sender_changed`; nullopt: the null sender
  bool sender_changed = false;
  std::vector<mail::Mailbox> added;  ///< recipients that scripts added; each has a route thereby
  std::set<std::string> removed;     ///< addresses in lower case
  std::map<std::string, policy::Transport> transports;  ///< by address in lower case

  /// A message that came back: the directive that handed it out, where the rules go on.
  std::optional<Delegation> resumed;
  /// Of quarantine and faccept: stages up to the end of the transaction are skipped.
  std::optional<Status> skip;
  /// When other scripts had their say since: the recipients of the copy in hand, instead of the
  /// transaction's.
  std::optional<std::vector<mail::Mailbox>> base;
  std::optional<policy::ScriptCopy> base_copy;  ///< that copy, as it was
  /// What Evidence::copies holds of us; nullopt: nothing.
  std::optional<policy::ScriptCopy> published;
  /// Authentication-Results that rules added under these names: ScriptCopy::results_of.
  std::set<std::string> results_of;
  bool verified = false;                        ///< verify_dkim() was called: its field is there
  std::chrono::system_clock::time_point begun;  ///< when MAIL came, or was first asked for
};

/// What outlasts the transaction.
struct Session final : policy::ScriptTransaction {
  std::shared_ptr<const void> program;   ///< that the session began with
  std::optional<Status> skip;            ///< of quarantine and faccept at connect
  std::optional<Status> skip_from_helo;  ///< likewise at helo; ends at the next HELO
};

/// While a directive runs; Call::context(). Null while the policy loads.
struct Context {
  policy::Evidence& evidence;
  policy::Gatherer& gatherer;
  const Site& site;
  Draft& draft;
  policy::Stage stage;
  const policy::AuthAttempt* attempt = nullptr;  ///< at `authenticate`
  /// The configured accounts' answer to the attempt.
  std::function<Task<policy::AuthAnswer>()> authenticate;
};

/// The context of a function that only makes sense inside a directive. Throws where there is none.
inline Context& rule_of(script::Call& call) {
  Context* context = call.context<Context>();
  script::demand(context != nullptr, "only available inside a rule or an action");
  return *context;
}

/// What is configured, inside rules and while the policy loads. Throws where nothing is.
const Site& site_of(script::Call& call);

/// The sender as rules see it; throws "the field: `mail_from` is not defined yet, ..." too early.
std::optional<mail::Mailbox> sender_of(const Context& context);
/// The recipients as rules see them, the one under judgement last.
std::vector<mail::Mailbox> recipients_of(const Context& context);
/// Those of the client, before rules changed them; and those that are left.
std::vector<mail::Mailbox> recipients_before(const Draft& draft, const policy::Evidence& evidence);
std::vector<mail::Mailbox> recipients_after(const Draft& draft, const policy::Evidence& evidence);
/// The draft with the message's header read in; throws too early.
Draft& draft_with_message(Context& context);
/// A new first field. Throws for a name or value that is none.
void prepend_field(Draft& draft, std::string_view name, std::string_view value);
/// Takes received Authentication-Results under these names out: who reads them could not tell them
/// from ours (RFC 8601 §5).
void erase_results(std::vector<Draft::Field>& fields, const std::set<std::string>& names);
/// Throws "the field: `X` is not defined yet, it only is available from the `Y` stage".
[[noreturn]] void too_early(std::string_view field, std::string_view stage);

}  // namespace postern::dialect::vsl
