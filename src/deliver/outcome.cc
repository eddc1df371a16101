#include "deliver/outcome.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"

namespace postern::deliver {
namespace {

/// Octets of a reply line with CRLF (RFC 5321 §4.5.3.1.5).
constexpr std::size_t line_limit = 512;

/// Longest delay that an endpoint may request at a time.
constexpr std::chrono::hours longest_retry_after{24};

smtp::Reply delivered(const std::string& message_id) {
  return {.code = 250, .enhanced = {2, 0, 0}, .text = "accepted " + message_id};
}

smtp::Reply reply_to_status(int status, const std::string& message_id) {
  if (status >= 200 && status < 300) return delivered(message_id);
  // Proxies send 408 and 425 by themselves; a bounce for those would lose mail.
  const bool temporary = status == 408 || status == 425 || status == 429;
  if (status >= 400 && status < 500 && !temporary)
    return {.code = 550, .enhanced = {5, 7, 1}, .text = "the webhook refused the message"};
  return {.code = 450, .enhanced = {4, 3, 0}, .text = "the webhook cannot take the message now"};
}

std::string_view words_for(net::HttpTrouble trouble) {
  switch (trouble) {
    case net::HttpTrouble::none:
      break;
    case net::HttpTrouble::blocked:
      return "target refused";
    case net::HttpTrouble::unresolved:
      return "target not found";
    case net::HttpTrouble::unreachable:
      return "cannot connect";
    case net::HttpTrouble::exhausted:
      return "no socket can be opened";
    case net::HttpTrouble::tls:
      return "TLS error";
    case net::HttpTrouble::timeout:
      return "timeout";
    case net::HttpTrouble::broken:
      return "connection broken";
  }
  return "error";
}

std::vector<std::string> override_values(const net::HttpResult& result, std::string_view field) {
  std::vector<std::string> values = result.values(fmt::format("X-Conduit-SMTP-{}", field));
  std::vector<std::string> alias = result.values(fmt::format("X-Postern-SMTP-{}", field));
  values.insert(values.end(), std::make_move_iterator(alias.begin()),
                std::make_move_iterator(alias.end()));
  return values;
}

/// Exactly three digits, 200-299 or 400-599.
std::optional<std::uint16_t> override_code(std::string_view text) {
  if (text.size() != 3 || !std::all_of(text.begin(), text.end(), is_digit)) return std::nullopt;
  const auto code = static_cast<std::uint16_t>(*parse_number(text));
  const bool fits = (code >= 200 && code < 300) || (code >= 400 && code < 600);
  return fits ? std::optional(code) : std::nullopt;
}

/// Without control characters; each other character outside ASCII is one `?`.
std::string clean(std::string_view text) {
  const bool utf8 = is_utf8(text);
  std::string cleaned;
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (octet < 0x20 || octet == 0x7f) continue;
    if (octet < 0x80)
      cleaned += c;
    else if (!utf8 || (octet & 0xc0) != 0x80)
      cleaned += '?';
  }
  return std::string(trim(cleaned));
}

smtp::Reply override_reply(std::uint16_t code, std::string text, const std::string& message_id) {
  smtp::Reply reply = code < 300   ? delivered(message_id)
                      : code < 500 ? smtp::Reply{450, {4, 3, 0}, "deferred by the webhook"}
                                   : smtp::Reply{550, {5, 7, 1}, "refused by the webhook"};
  reply.code = code;
  std::string_view rest = text;
  const std::optional<smtp::EnhancedCode> given = smtp::take_enhanced(rest);
  if (given && given->klass == code / 100) {
    reply.enhanced = *given;
    text = std::string(rest);
  }
  if (!text.empty()) reply.text = std::move(text);
  // "NNN x.y.z text" CRLF
  const std::size_t around = 4 + reply.enhanced.to_string().size() + 1 + 2;
  reply.text = std::string(trim(std::string_view(reply.text).substr(0, line_limit - around)));
  return reply;
}

}  // namespace

DeliveryOutcome outcome_of(const net::HttpResult& result, const std::string& message_id) {
  DeliveryOutcome outcome{.message_id = message_id};
  if (result.trouble != net::HttpTrouble::none) {
    outcome.trouble = result.trouble;
    outcome.reply = {
        .code = 450, .enhanced = {4, 4, 1}, .text = "the webhook cannot be reached now"};
    outcome.error = fmt::format("{}: {}", words_for(result.trouble), printable(result.detail, 300));
    return outcome;
  }
  outcome.http_status = result.status;
  outcome.reply = reply_to_status(result.status, message_id);
  if (result.retry_after)
    outcome.retry_after = std::min<std::chrono::seconds>(*result.retry_after, longest_retry_after);
  if (result.status < 200 || result.status >= 300)
    outcome.error = fmt::format("HTTP status {}", result.status);

  const std::vector<std::string> codes = override_values(result, "Code");
  if (codes.empty()) return outcome;
  const std::optional<std::uint16_t> code =
      codes.size() == 1 ? override_code(codes.front()) : std::nullopt;
  if (!code) {
    outcome.override = store::Override::ignored;
    return outcome;
  }
  const std::vector<std::string> texts = override_values(result, "Message");
  outcome.override = store::Override::applied;
  outcome.reply =
      override_reply(*code, texts.size() == 1 ? clean(texts.front()) : std::string(), message_id);
  if (outcome.reply.positive()) outcome.error.reset();
  return outcome;
}

}  // namespace postern::deliver
