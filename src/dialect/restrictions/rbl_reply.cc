#include "dialect/restrictions/rbl_reply.h"

#include "base/text.h"

namespace postern::dialect::restrictions {

namespace {

std::string_view local_of(const Address* address) {
  if (address == nullptr) return {};
  const std::string_view text = address->text;
  return text.substr(0, text.rfind('@'));
}

struct Attributes {
  const Context& context;
  const Rule& rule;
  std::string_view what, kind, reason;

  std::string value(std::string_view name) const {
    const auto& session = context.evidence().session;
    const Address* sender = context.sender();
    const Address* recipient = context.recipient();
    if (name == "rbl_code") return std::to_string(rule.code);
    if (name == "rbl_domain") return rule.zone->zone();
    if (name == "rbl_class") return std::string(kind);
    if (name == "rbl_what") return std::string(what);
    if (name == "rbl_reason" || name == "rbl_txt") return std::string(reason);
    if (name == "client") return context.client_label() + "[" + session.client_ip.to_string() + "]";
    if (name == "client_address") return session.client_ip.to_string();
    if (name == "client_name" || name == "reverse_client_name") return context.client_label();
    if (name == "helo_name") return std::string(context.helo());
    if (name == "sender") return sender != nullptr ? sender->text : "";
    if (name == "sender_name") return std::string(local_of(sender));
    if (name == "sender_domain") return sender != nullptr ? sender->domain : "";
    if (name == "recipient") return recipient != nullptr ? recipient->text : "";
    if (name == "recipient_name") return std::string(local_of(recipient));
    if (name == "recipient_domain") return recipient != nullptr ? recipient->domain : "";
    return {};
  }

  /// `$n ${n} ${n?text} ${n:text}`; the text may contain more of them.
  std::string expand(std::string_view text) const {
    std::string out;
    while (!text.empty()) {
      const std::size_t dollar = text.find('$');
      out += text.substr(0, dollar);
      if (dollar == std::string_view::npos) break;
      text.remove_prefix(dollar + 1);
      if (text.starts_with('$')) {
        out += '$';
        text.remove_prefix(1);
      } else if (text.starts_with('{') || text.starts_with('(')) {
        out += braced(text);
      } else {
        std::size_t end = 0;
        while (end < text.size() && (is_alnum(text[end]) || text[end] == '_')) ++end;
        out += value(text.substr(0, end));
        text.remove_prefix(end);
      }
    }
    return out;
  }

  /// Removes a leading `{...}` from `text` and returns its contents.
  std::string braced(std::string_view& text) const {
    const char open = text.front();
    const char close = open == '{' ? '}' : ')';
    std::size_t depth = 0;
    std::size_t end = 0;
    for (; end < text.size(); ++end) {
      depth += text[end] == open ? 1u : 0u;
      if (text[end] == close && --depth == 0) break;
    }
    const std::string_view inner = text.substr(1, end - 1);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t split = inner.find_first_of("?:");
    const std::string found = value(inner.substr(0, split));
    if (split == std::string_view::npos) return found;
    const bool wanted = (inner[split] == '?') == !found.empty();
    return wanted ? expand(inner.substr(split + 1)) : std::string();
  }
};

}  // namespace

RblReply rbl_reply(Context& context, const Rule& rule, std::string_view what, std::string_view kind,
                   std::string_view reason) {
  const Found own = context.policy().rbl_reply_maps.find({rule.zone->text()}, &context.replies());
  const std::string& chosen =
      own.status == Found::Status::found ? own.value : context.policy().default_rbl_reply;
  const std::string text = Attributes{context, rule, what, kind, reason}.expand(chosen);
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
