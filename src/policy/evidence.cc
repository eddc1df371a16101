#include "policy/evidence.h"

#include "mail/header_scanner.h"
#include "policy/webhook.h"

namespace postern::policy {

MessageFacts facts_of(std::uint64_t size, const mail::HeaderScanner& scanner) {
  return {.size = size,
          .header_fields = scanner.fields() + scanner.odd_lines(),
          .header_size = scanner.size(),
          .received_fields = scanner.received_fields(),
          .from_fields = scanner.from_fields(),
          .message_id = scanner.message_id()};
}

MessageFacts facts_of(std::string_view message) {
  mail::HeaderScanner scanner;
  scanner.feed(message);
  scanner.finish();
  return facts_of(message.size(), scanner);
}

std::string to_string(const Transport& transport) {
  switch (transport.kind) {
    case Transport::Kind::deliver:
      return "deliver";
    case Transport::Kind::forward:
      return "forward:" + transport.target;
    case Transport::Kind::maildir:
      return "maildir";
    case Transport::Kind::mbox:
      return "mbox";
    case Transport::Kind::none:
      break;
  }
  return "none";
}

Result<Transport> transport_of(std::string_view text) {
  constexpr std::string_view forward = "forward:";
  if (text.starts_with(forward)) {
    return Transport{Transport::Kind::forward, std::string(text.substr(forward.size()))};
  }
  for (const auto kind : {Transport::Kind::deliver, Transport::Kind::maildir, Transport::Kind::mbox,
                          Transport::Kind::none}) {
    if (text == to_string(Transport{kind, {}})) return Transport{kind, {}};
  }
  return fail(Fault::malformed, "no transport: " + std::string(text));
}

Evidence Evidence::greeted(std::string name, bool extended) const {
  Evidence asked;
  asked.session = session;
  asked.session.helo = std::move(name);
  asked.session.esmtp = extended;
  if (session.script) {
    asked.session.script = std::make_shared<ScriptSession>(session.script->apart());
  }
  return asked;
}

void Evidence::reset_transaction() {
  message_id.clear();
  reverse_path.reset();
  declared_size = 0;
  smtputf8 = body_8bitmime = require_tls = false;
  ret.clear();
  envid.clear();
  recipients = std::vector<Recipient>();  // clear() would keep the memory
  candidate.reset();
  message.reset();
  rate_tokens.reset();
  spf.reset();
  author.reset();
  dkim.reset();
  dmarc.reset();
  arc.reset();
  dns = std::vector<DnsRecord>();
  consulted.clear();
  discard.reset();
  copies = std::vector<ScriptCopy>();
  kept.clear();
  etrn.reset();
  trusted_client = false;
  revoked_meanwhile = false;
  vrfy = Vrfy::no;
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
