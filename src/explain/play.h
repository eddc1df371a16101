// One dialogue played on the production evaluator: `postern explain`, `postern test`.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "config/config.h"
#include "dns/resolver.h"
#include "policy/directory.h"
#include "policy/layer.h"
#include "policy/trace.h"
#include "relay/verified.h"

namespace postern::app {

/// What address verification remembers of an address, as Mailbox::text() writes it.
using RememberedAddress =
    std::function<std::optional<relay::VerifiedEntry>(const std::string& address)>;

/// Asks another program, and adds the answer to the evidence (gateway::add_answer()).
using AskOthers = std::function<Task<void>(policy::Consultation, policy::Evidence&)>;

/// From which command on a client's commands come ahead of replies that they have to wait for
/// (RFC 2920 §3.1). At the greeting none has come.
enum class Early : std::uint8_t { never, ehlo, second_ehlo, mail, rcpt, data };
/// Of each, in their order.
inline constexpr std::array<std::string_view, 6> early_words{"never", "EHLO", "EHLO after STARTTLS",
                                                             "MAIL",  "RCPT", "DATA"};
/// "DATA"; static.
inline std::string_view to_string(Early from) {
  return early_words[static_cast<std::size_t>(from)];
}
/// The last command before a stage is decided; `again`: at EHLO after STARTTLS.
Early moment_of(policy::Stage stage, bool again);
/// Whether they have come when a stage is decided; `again` as above.
bool is_early(Early from, policy::Stage stage, bool again);

/// What a client does: greeting, EHLO, STARTTLS with another EHLO, AUTH, MAIL, RCPT, DATA.
struct Dialogue {
  IpAddress client = IpAddress::v4(0x7f000001);  ///< its address
  std::optional<std::string> client_name;  ///< verified by DNS; nullopt: as the resolver has it
  std::optional<std::string> helo;         ///< nullopt: it says neither EHLO nor HELO
  bool tls = false;                        ///< it uses TLS
  /// Authenticates as this name, with TLS if a listener takes logins so; nullopt: not.
  std::optional<std::string> login;
  /// Credential::stamp of what it authenticates with; nullopt: it opens all that the name opens.
  std::optional<std::uint64_t> credential;
  bool auth_in_clear = false;             ///< it authenticates without TLS
  Early early = Early::never;             ///< when its commands begin to come ahead of replies
  std::optional<mail::Mailbox> sender;    ///< nullopt: the null reverse-path
  std::vector<mail::Mailbox> recipients;  ///< in order
  std::optional<std::string> mail_path;   ///< "<a@example.com>", in place of `sender`
  std::vector<std::string> rcpt_paths;    ///< in place of `recipients`; empty: these
  std::optional<std::string> message;     ///< lines end in CRLF; nullopt: it ends after DATA
  /// The name of the listener that it connects to. Empty: the first one that offers what the
  /// client does.
  std::string listener = {};
};
/// The listener of this name; the first one if it is empty; null: there is none.
const ListenerConfig* listener_named(const Config& config, std::string_view name);

/// Evidence that is given: it is taken where a rule needs it, and not computed.
struct FrozenEvidence {
  std::optional<mailauth::spf::Result> spf;       ///< Evidence::spf
  std::optional<mailauth::dmarc::Author> author;  ///< Evidence::author
  std::optional<mailauth::dkim::Results> dkim;    ///< Evidence::dkim
  std::optional<mailauth::dmarc::Result> dmarc;   ///< Evidence::dmarc
  std::optional<mailauth::arc::Verdict> arc;      ///< Evidence::arc
  std::optional<policy::MessageFacts> message;    ///< in place of those of Dialogue::message
};

/// Answers of other programs that were recorded, in the form of policy::Consultation::answer.
/// nullopt: the program does not answer.
struct RecordedAnswers {
  using Answer = std::optional<std::string>;  ///< of one request
  /// By service and request; of a policy server by its protocol_state ("RCPT"), too.
  std::map<std::pair<std::string, std::string>, Answer> requests;
  std::map<std::string, Answer, std::less<>> services;  ///< to every other request
};

/// What a user writes as the answer of a service, in the form of policy::Consultation::answer.
std::string recorded_answer(std::string_view service, const std::string& text);

/// The protocol_state of a request to a policy server, as Postfix names it; empty: it has none.
std::string_view protocol_state_of(std::string_view request);
/// What another program is asked, as a key of `answers` in a `.ptest` file: the protocol state that
/// a policy server is told, the key of a table, an address, the arguments of a program. A view of
/// the question.
std::string_view asked_of(const policy::Consultation& question);

/// All that a decision depends on apart from the dialogue. The references outlive the call.
struct Scene {
  const Config& config;                     ///< loaded without errors
  const policy::Engine& engine;             ///< of the configuration: engine_for()
  const policy::Directory& directory;       ///< webhooks and their policies
  dns::Resolver& resolver;                  ///< answers all questions
  boost::asio::io_context* loop = nullptr;  ///< that of the resolver; null: it needs none
  AskOthers others = {};                    ///< null: no other program answers
  FrozenEvidence frozen = {};
  RememberedAddress remembered = {};  ///< null: nothing is remembered
  /// When it happens, for signatures and what is remembered.
  std::chrono::system_clock::time_point now = std::chrono::system_clock::now();
};

/// What the gateway knows of a client that has authenticated with the right password: the policies
/// that its login opens.
policy::Authentication identity_of(const std::string& login, const policy::Directory& directory,
                                   const Config& config,
                                   const std::optional<std::uint64_t>& credential = {});

/// The address as it is looked up: one without a domain is at this host, or at myorigin, and a name
/// of one label is completed (policy::completed()).
mail::Mailbox completed(mail::Mailbox address, const Config& config);

/// Where mail to an address goes before any layer is asked.
policy::Route route_of(const mail::Mailbox& address, const policy::Directory& directory,
                       const Config& config);

/// Asks nobody: what is not recorded fails. `answers` outlives the function.
AskOthers others_from(const RecordedAnswers& answers);
/// Whether an answer to the request is recorded, if only that there is none.
bool has_answer(const RecordedAnswers& answers, const policy::Consultation& question);

/// Plays the dialogue with the listener's session (smtp::ServerSession), which refuses by itself
/// what it would refuse of this client: a path, AUTH without TLS. Of several listeners it is the
/// first one that offers what the client does. Each stage sees what the client has said by then:
/// the greeting and the EHLO before STARTTLS see neither TLS nor login. The first refusal ends it,
/// that of one of several recipients does not. Nothing is sent, no rate token is taken. Blocks.
policy::Trace play(const Scene& scene, const Dialogue& dialogue);

}  // namespace postern::app
