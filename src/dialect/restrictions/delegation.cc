#include "dialect/restrictions/delegation.h"

#include <fmt/format.h>

#include "base/text.h"

namespace postern::dialect::restrictions {

using policy::Stage;

namespace {

std::string_view state_of(const Context& context) {
  if (context.is_etrn()) return "ETRN";
  if (context.is_vrfy()) return "VRFY";
  switch (context.stage()) {
    case Stage::connect:
      return "CONNECT";
    case Stage::helo:
      return context.evidence().session.esmtp ? "EHLO" : "HELO";
    case Stage::mail:
      return "MAIL";
    case Stage::data:
      return "DATA";
    case Stage::message:
      return "END-OF-MESSAGE";
    default:
      return "RCPT";
  }
}

/// `mail_version`: the Postfix whose lists and requests these are.
constexpr std::string_view postfix_version = "3.11.0";

/// A name of a certificate as Postfix sends it: xtext (RFC 3461 §4) in which `=` stands for itself.
std::string coded(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (is_printable_ascii(c) && c != ' ' && c != '+') {
      out += c;
    } else {
      out += fmt::format("+{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

}  // namespace

std::string delegation_request(const Context& context, const policy::ClientName& client,
                               std::string_view policy_context) {
  const policy::Evidence& evidence = context.evidence();
  const policy::SessionFacts& session = evidence.session;
  std::string text;
  const auto line = [&text](std::string_view name, std::string_view value) {
    text += name;
    text += '=';
    for (const char c : value) text += c == '\n' || c == '\r' || c == '\0' ? '?' : c;
    text += '\n';
  };
  line("request", "smtpd_access_policy");
  line("protocol_state", state_of(context));
  line("protocol_name", session.esmtp ? "ESMTP" : "SMTP");
  line("client_address", session.client_ip.to_string());
  line("client_name", client.name.empty() ? "unknown" : client.name);
  line("reverse_client_name", client.reverse_name.empty() ? "unknown" : client.reverse_name);
  line("client_port", std::to_string(session.client_port));
  line("helo_name", context.helo());
  line("sender", context.sender_text());
  line("recipient", context.recipient_text());
  const bool counted = context.stage() == Stage::data || context.stage() == Stage::message;
  line("recipient_count", std::to_string(counted ? evidence.recipients.size() : 0));
  // As in Postfix: one for all requests about a message, and none before its MAIL is accepted.
  // Postfix has a queue id from the first accepted recipient on, Postern from DATA on.
  const bool begun = context.stage() > Stage::mail && context.has_sender();
  line("queue_id", counted ? std::string_view(evidence.message_id) : std::string_view());
  line("instance", begun ? std::string_view(evidence.message_id) : std::string_view());
  line("size", std::to_string(evidence.message ? evidence.message->size : evidence.declared_size));
  line("etrn_domain", context.etrn());
  line("stress", "");
  const policy::Authentication* auth = context.authenticated().login;
  line("sasl_method", auth != nullptr ? auth->mechanism : "");
  line("sasl_username", auth != nullptr ? auth->username : "");
  line("sasl_sender", "");
  const policy::ClientCertificate* certificate = context.certificate();
  // Anybody can write any name into a certificate, so names need an authority.
  const bool named = certificate != nullptr && certificate->trusted;
  line("ccert_subject", named ? coded(certificate->name) : "");
  line("ccert_issuer", named ? coded(certificate->issuer) : "");
  line("ccert_fingerprint", certificate != nullptr ? certificate->fingerprint : "");
  line("ccert_pubkey_fingerprint", certificate != nullptr ? certificate->key_fingerprint : "");
  const policy::Tls* tls = context.tls();
  line("encryption_protocol", tls != nullptr ? tls->version : "");
  line("encryption_cipher", tls != nullptr ? tls->cipher : "");
  line("encryption_keysize", std::to_string(tls != nullptr ? tls->key_bits : 0));
  line("policy_context", policy_context);
  line("server_address", session.server_ip.is_known() ? session.server_ip.to_string() : "");
  line("server_port", std::to_string(session.server_port));
  line("compatibility_level", context.policy().compatibility_level);
  line("mail_version", postfix_version);
  return text + '\n';
}

}  // namespace postern::dialect::restrictions
