#include "policy/verdict.h"

#include "policy/evidence.h"
#include "policy/webhook.h"

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

void Evidence::reset_transaction() {
  reverse_path.reset();
  declared_size = 0;
  smtputf8 = body_8bitmime = false;
  recipients.clear();
  candidate.reset();
  message.reset();
  rate_tokens.reset();
  spf.reset();
  author.reset();
  dkim.reset();
  dmarc.reset();
  arc.reset();
  dns.clear();
  consulted.clear();
  discard.reset();
  etrn.reset();
}

void Evidence::consider(Recipient recipient) {
  const bool same = candidate && candidate->route.webhook && recipient.route.webhook &&
                    candidate->route.webhook->id == recipient.route.webhook->id;
  if (!same) rate_tokens.reset();
  candidate = std::move(recipient);
}

const Recipient* Evidence::subject() const {
  if (!recipients.empty()) return &recipients.front();
  return candidate ? &*candidate : nullptr;
}

}  // namespace postern::policy
