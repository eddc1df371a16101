// A client's messages during AUTH, any octets in any order of steps, and Dovecot's answers.
#include "base/text.h"
#include "gateway/auth_source_verifier.h"
#include "invariant.h"
#include "smtp/auth_exchange.h"
#include "smtp/saslprep.h"

using namespace postern;
using namespace postern::smtp;
using fuzz::must;

namespace {

constexpr std::string_view mechanisms[] = {"PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS",
                                           "OAUTHBEARER"};

void check(const Auth& auth) {
  must(fit_identity(auth.authn_id) && fit_identity(auth.authz_id), "names are names");
  must(auth.proof != Proof::right, "without the password nothing is proved");
  if (auth.mechanism == "PLAIN" || auth.mechanism == "LOGIN")
    must(!auth.authn_id.empty(), "a name");
  if (auth.mechanism == "OAUTHBEARER") must(!auth.password.empty(), "a token");
}

/// Each line of the text is one message, sent as base64 unless it begins with `!`.
void converse(std::string_view mechanism, std::string_view text) {
  static const ChannelBindings bindings{.exporter = "exporter", .server_end_point = "end point"};
  static const ScramKeys keys{.salt = "salt",
                              .iterations = 4096,
                              .stored_key = std::string(32, 's'),
                              .server_key = std::string(32, 'k')};
  AuthExchange exchange;
  AuthExchange::Step step = exchange.start(
      mechanism, {"PLAIN LOGIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS OAUTHBEARER", &bindings});
  for (const std::string_view line : split(text, '\n')) {
    if (const auto* auth = std::get_if<Auth>(&step)) return check(*auth);
    if (std::holds_alternative<Refusal>(step)) return;
    if (const auto* name = std::get_if<ScramName>(&step)) {
      must(fit_identity(name->authn_id) && !name->authn_id.empty(), "a name");
      step = exchange.challenge(keys, "server");
    }
    must(is_ascii(std::get<Challenge>(step).text), "challenges are base64");
    step =
        exchange.respond(line.starts_with('!') ? std::string(line.substr(1)) : base64_encode(line));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > 4096) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  converse(mechanisms[data[0] % std::size(mechanisms)], text);
  if (const auto keys = parse_scram_keys(text)) {
    must(keys->iterations <= max_scram_iterations, "no key takes for ever");
    must(keys->stored_key.size() == 32 && keys->server_key.size() == 32, "keys are whole");
  }
  for (const Unassigned unassigned : {Unassigned::allowed, Unassigned::refused}) {
    const auto prepared = saslprep(text, unassigned);
    if (!prepared) continue;
    must(!prepared->empty() && is_utf8(*prepared), "a prepared text is text");
    must(prepared->find('\0') == std::string::npos, "without NUL");
  }
  const gateway::DovecotReply reply = gateway::parse_dovecot_reply(text);
  if (const auto user = reply.value("user")) must(user->size() <= text.size(), "a value");
  const std::string sql =
      gateway::with_names(text, [](std::string_view name) { return ":" + std::string(name); });
  must(sql == text, "a query keeps all that is not a name");
  return 0;
}
