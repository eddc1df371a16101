#include "setup/proof.h"

#include <fmt/format.h>

#include "dialect/restrictions/lint_report.h"
#include "dialect/restrictions/replies.h"
#include "explain/live.h"
#include "explain/report.h"
#include "policy/directory.h"
#include "prove/relay_proof.h"

namespace postern::setup {

namespace {

namespace restrictions = dialect::restrictions;

/// An envelope, and whether it must be accepted.
struct Envelope {
  std::string recipient;
  bool accepted;
};

/// Documentation names and addresses (RFC 2606 §3, RFC 5737 §3): nobody's.
constexpr std::string_view stranger = "stranger@example.com";
constexpr std::string_view foreign = "someone@foreign.invalid";

std::vector<Envelope> envelopes(const Answers& answers) {
  std::vector<Envelope> out;
  // A webhook is made later: its domain accepts nothing before.
  const bool relayed = answers.destination == Destination::relay;
  for (const std::string& domain : answers.domains) out.push_back({"someone@" + domain, relayed});
  out.push_back({std::string(foreign), false});
  return out;
}

std::string reply_text(const smtp::Reply& reply) {
  return fmt::format("{} {} {}", reply.code, reply.enhanced.to_string(), reply.text);
}

/// Plays one envelope of an unknown client; a sentence if the answer is another one.
std::string play(const app::Config& config, const Envelope& envelope, Proof& proof) {
  app::ExplainOptions options;
  options.mail_from = std::string(stranger);
  options.recipients = {envelope.recipient};
  options.client_ip = IpAddress::parse("192.0.2.10").value();
  options.helo = "client.example.com";
  const policy::Directory directory;
  const Result<policy::Trace> trace = app::decide_live(config, options, directory);
  if (!trace) return trace.error().message;
  const bool refused = app::was_refused(*trace);
  // No probe is sent: the next hop, which may not be there yet, has the last word.
  const bool asks = refused && envelope.accepted &&
                    trace->settled().text.ends_with(restrictions::replies::no_verification_text);
  const std::string answer = asks      ? "as the next hop answers"
                             : refused ? reply_text(trace->settled())
                                       : "accepted";
  proof.dialogue.push_back(fmt::format("RCPT TO:<{}> -> {}", envelope.recipient, answer));
  if (refused == envelope.accepted && !asks) {
    return fmt::format("mail of an unknown client to <{}> should be {}, and the answer is: {}",
                       envelope.recipient, envelope.accepted ? "accepted" : "refused", answer);
  }
  return "";
}

}  // namespace

Proof prove(const std::string& text, const std::string& name, const Answers& answers,
            const app::LoadOptions& options) {
  Proof proof;
  app::ConfigResult loaded = app::parse_config(text, name, options);
  proof.diagnostics = std::move(loaded.diagnostics);
  if (!loaded.ok()) {
    proof.trouble = "`postern check` refuses the configuration";
    return proof;
  }
  const auto& judged = loaded.config.restrictions.judged;
  const auto* lint = judged ? judged->lint.get() : nullptr;
  if (lint == nullptr || lint->open_relay != restrictions::OpenRelay::no) {
    proof.trouble = "the restriction lists are not proved closed to unknown clients";
    if (lint != nullptr) proof.conclusion = restrictions::conclusion_text(*lint);
    return proof;
  }
  proof.conclusion = restrictions::conclusion_text(*lint);
  if (const auto witness = app::find_open_relay(loaded.config)) {
    proof.trouble = "the configuration relays for unknown clients" + witness->dialogue();
    return proof;
  }
  for (const Envelope& envelope : envelopes(answers)) {
    proof.trouble = play(loaded.config, envelope, proof);
    if (!proof.holds()) return proof;
  }
  return proof;
}

}  // namespace postern::setup
