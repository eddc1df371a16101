#include "smtp/command_text.h"

namespace postern::smtp {

namespace {

std::string parameter(std::string_view name, const std::string& value) {
  return value.empty() ? std::string() : " " + std::string(name) + "=" + value;
}

std::string text_of(const Mail& mail) {
  std::string text = "MAIL FROM:<" + (mail.reverse_path ? mail.reverse_path->text() : "") + ">";
  if (mail.size) text += " SIZE=" + std::to_string(*mail.size);
  if (mail.body_8bitmime) text += " BODY=8BITMIME";
  if (mail.smtputf8) text += " SMTPUTF8";
  if (mail.requiretls) text += " REQUIRETLS";
  return text + parameter("RET", mail.ret) + parameter("ENVID", mail.envid);
}

std::string text_of(const Rcpt& rcpt) {
  return "RCPT TO:<" + rcpt.forward_path.text() + ">" + parameter("NOTIFY", rcpt.notify) +
         parameter("ORCPT", rcpt.orcpt);
}

}  // namespace

std::string command_text(const CommandView& command) {
  std::string text(to_string(command.verb));
  const bool secret = command.verb == Verb::auth || command.verb == Verb::xclient;
  if (text.empty() || secret || command.argument.empty()) return text;
  return text.append(1, ' ').append(command.argument);
}

std::string command_text(const Event& event) {
  if (const auto* helo = std::get_if<Helo>(&event)) {
    return (helo->extended ? "EHLO " : "HELO ") + helo->name;
  }
  if (const auto* mail = std::get_if<Mail>(&event)) return text_of(*mail);
  if (const auto* rcpt = std::get_if<Rcpt>(&event)) return text_of(*rcpt);
  if (const auto* auth = std::get_if<Auth>(&event)) {
    return "AUTH " + auth->mechanism + " <redacted>";
  }
  if (const auto* vrfy = std::get_if<Vrfy>(&event)) return "VRFY " + vrfy->mailbox.text();
  if (const auto* etrn = std::get_if<Etrn>(&event)) return "ETRN " + etrn->domain;
  if (const auto* data = std::get_if<Data>(&event)) return data->chunked ? "BDAT" : "DATA";
  if (std::holds_alternative<EndOfData>(event)) return "DATA";
  if (std::holds_alternative<Xclient>(event)) return "XCLIENT";  // its argument may contain a LOGIN
  return {};
}

}  // namespace postern::smtp
