#include "policy/verdict.h"

namespace postern::policy {

std::string_view to_string(Stage stage) {
  static constexpr std::string_view names[stage_count] = {
      "connect", "helo", "auth", "mail", "rcpt", "data", "message", "queued", "delivery"};
  return names[static_cast<std::size_t>(stage)];
}

std::string_view to_string(Verdict::Kind kind) {
  static constexpr std::string_view names[] = {"pass_on", "permit", "reject", "defer",
                                               "quarantine"};
  return names[static_cast<std::size_t>(kind)];
}

Verdict refuse(std::uint16_t code, smtp::EnhancedCode enhanced, std::string text,
               std::string detail) {
  return {.kind = code >= 500 ? Verdict::Kind::reject : Verdict::Kind::defer,
          .reply = {.code = code, .enhanced = enhanced, .text = std::move(text)},
          .detail = std::move(detail)};
}

std::string_view to_string(Trouble trouble) {
  static constexpr std::string_view words[] = {"internal", "script",     "lookup", "configuration",
                                               "limit",    "unanswered", "memory"};
  static_assert(std::size(words) == trouble_count);
  return words[static_cast<std::size_t>(trouble)];
}

}  // namespace postern::policy
