#include "dialect/restrictions/rbl_reply.h"

#include "base/text.h"
#include "dialect/restrictions/reply_template.h"

namespace postern::dialect::restrictions {

namespace {

std::string local_of(const std::string& address) { return address.substr(0, address.rfind('@')); }

std::string domain_or_empty(const Address* address) {
  return address != nullptr ? address->domain : std::string();
}

struct Attributes {
  const Context& context;
  const Rule& rule;
  std::string_view what, kind, reason;

  std::string value(std::string_view name) const {
    const auto& session = context.evidence().session;
    if (name == "rbl_code") return std::to_string(rule.code);
    if (name == "rbl_domain") return rule.zone->zone();
    if (name == "rbl_class") return std::string(kind);
    if (name == "rbl_what") return std::string(what);
    if (name == "rbl_reason" || name == "rbl_txt") return std::string(reason);
    if (name == "client") return context.client_label() + "[" + session.client_ip.to_string() + "]";
    if (name == "client_address") return session.client_ip.to_string();
    if (name == "client_name" || name == "reverse_client_name") return context.client_label();
    if (name == "helo_name") return std::string(context.helo());
    if (name == "sender") return context.sender_text();
    if (name == "sender_name") return local_of(context.sender_text());
    if (name == "sender_domain") return domain_or_empty(context.sender());
    if (name == "recipient") return context.recipient_text();
    if (name == "recipient_name") return local_of(context.recipient_text());
    if (name == "recipient_domain") return domain_or_empty(context.recipient());
    return {};
  }
};

}  // namespace

RblReply rbl_reply(Context& context, const Rule& rule, std::string_view what, std::string_view kind,
                   std::string_view reason) {
  const Found own = context.policy().rbl_reply_maps.find({rule.zone->text()}, &context.replies());
  const std::string& chosen =
      own.status == Found::Status::found ? own.value : context.policy().default_rbl_reply;
  const Attributes attributes{context, rule, what, kind, reason};
  const std::string text =
      fill_template(chosen, [&](std::string_view name) { return attributes.value(name); });
  const bool well_formed = text.size() > 4 && (text[0] == '4' || text[0] == '5') &&
                           is_digit(text[1]) && is_digit(text[2]) && text[3] == ' ';
  if (!well_formed) {  // Postfix's reply for a template without a code
    return {.code = 450, .enhanced = {4, 7, 1}, .text = "Service unavailable"};
  }
  RblReply reply;
  reply.code = static_cast<std::uint16_t>(*parse_number(std::string_view(text).substr(0, 3)));
  std::string_view rest = trim(std::string_view(text).substr(4));
  if (const auto enhanced = smtp::take_enhanced(rest)) reply.enhanced = *enhanced;
  reply.text = printable(rest, 400);
  return reply;
}

}  // namespace postern::dialect::restrictions
