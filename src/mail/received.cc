#include "mail/received.h"

#include <array>
#include <ctime>

#include <fmt/core.h>

#include "base/text.h"
#include "base/time_text.h"
#include "mail/literal.h"

namespace postern::mail {
namespace {

constexpr std::size_t max_comment = 255;

/// The HELO name in canonical form if it is a Domain or an address literal.
std::optional<std::string> proper_helo(const std::string& name) {
  if (name.starts_with('[')) {
    // A literal is valid exactly if it is valid as the domain of a mailbox.
    Result<Mailbox> mailbox = parse_mailbox("x@" + name, Utf8::refused);
    if (!mailbox) return std::nullopt;
    return std::move(mailbox->domain);
  }
  if (!is_ascii(name)) return std::nullopt;
  const Result<Domain> domain = Domain::parse(name);
  if (!domain) return std::nullopt;
  return domain->text();
}

}  // namespace

std::string comment_text(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, max_comment)) {
    if (c == '(' || c == ')' || c == '\\') out += '\\';
    out += is_printable_ascii(c) ? c : '?';
  }
  return out;
}

std::string transmission_type(const Transmission& transmission) {
  std::string type = transmission.smtputf8 ? "UTF8SMTP" : transmission.extended ? "ESMTP" : "SMTP";
  // RFC 3848 §1 defines no such keyword without ESMTP.
  if (transmission.extended || transmission.smtputf8) {
    if (transmission.tls) type += 'S';
    if (transmission.authenticated) type += 'A';
  }
  return type;
}

std::string received_field(const Arrival& arrival) {
  const std::string address = literal_of(arrival.client_address);
  const std::optional<std::string> helo = proper_helo(arrival.helo_name);
  // RFC 5321 §4.4 From-domain with its TCP-info.
  const bool known = arrival.client_address.is_known();
  std::string out = "Received: from " + helo.value_or(known ? address : "unknown") + " (";
  if (!helo && !arrival.helo_name.empty()) out += "HELO " + comment_text(arrival.helo_name) + ", ";
  if (const auto name = Domain::parse(arrival.client_name)) out += name->text() + " ";
  out += address + ")\r\n\tby " + arrival.hostname + " with " + arrival.protocol;
  if (!arrival.tls.empty()) out += "\r\n\t(" + comment_text(arrival.tls) + ")";
  if (!arrival.id.empty()) out += "\r\n\tid " + arrival.id;
  if (arrival.recipient) out += "\r\n\tfor <" + arrival.recipient->text() + ">";
  out += ";\r\n\t" + rfc5322_date(arrival.time) + "\r\n";
  return out;
}

std::string return_path_field(const std::optional<Mailbox>& reverse_path) {
  return "Return-Path: <" + (reverse_path ? reverse_path->text() : "") + ">\r\n";
}

}  // namespace postern::mail
