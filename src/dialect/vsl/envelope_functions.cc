// The sender, the recipients, and the transport of each recipient's mail.
#include <algorithm>

#include "base/ip.h"
#include "base/text.h"
#include "dialect/vsl/constants.h"
#include "dialect/vsl/functions.h"
#include "mail/hostname.h"

namespace postern::dialect::vsl {

using policy::Stage;
using policy::Transport;
using script::bind;
using script::Call;
using script::demand;
using script::HostFunction;

namespace {

bool is_of(const mail::Mailbox& mailbox, std::string_view key) {
  const std::size_t at = mailbox.local_part.size();
  return key.size() == at + 1 + mailbox.domain.size() &&
         iequals(key.substr(0, at), mailbox.local_part) &&
         iequals(key.substr(at + 1), mailbox.domain);
}

/// Whether recipients_of() has the recipient, without building that list.
bool has_recipient(const Context& context, const std::string& key) {
  const Draft& draft = context.draft;
  const policy::Evidence& evidence = context.evidence;
  const auto is_it = [&](const mail::Mailbox& one) { return is_of(one, key); };
  if (std::ranges::any_of(draft.added, is_it)) return true;
  if (draft.removed.contains(key)) return false;
  if (context.stage == Stage::rcpt && evidence.candidate && is_it(evidence.candidate->address)) {
    return true;
  }
  if (draft.base) return std::ranges::any_of(*draft.base, is_it);
  return std::ranges::any_of(evidence.recipients, is_it, &policy::Recipient::address);
}

void rewrite_mail_from_envelop(Call& call, Value address) {
  Context& context = rule_of(call);
  if (context.stage < Stage::mail) too_early("mail_from", "mail");
  context.draft.sender = address_from(address);
  context.draft.sender_changed = true;
}

void add_recipient(Context& context, const mail::Mailbox& address) {
  const std::string key = mailbox_key(address);
  if (has_recipient(context, key)) return;
  constexpr std::size_t most = 10'000;
  demand(context.draft.added.size() < most, "too many recipients");
  context.draft.removed.erase(key);
  // The line above may have restored a recipient of the client.
  if (!has_recipient(context, key)) context.draft.added.push_back(address);
}

void remove(Context& context, const mail::Mailbox& address) {
  const std::string key = mailbox_key(address);
  if (!has_recipient(context, key)) return;
  std::erase_if(context.draft.added, [&](const mail::Mailbox& one) { return is_of(one, key); });
  if (has_recipient(context, key)) context.draft.removed.insert(key);
}

void add_rcpt_envelop(Call& call, Value address) {
  add_recipient(rule_of(call), address_from(address));
}
void remove_rcpt_envelop(Call& call, Value address) {
  remove(rule_of(call), address_from(address));
}

void rewrite_rcpt_envelop(Call& call, Value old_address, Value new_address) {
  Context& context = rule_of(call);
  const mail::Mailbox before = address_from(old_address);
  const mail::Mailbox after = address_from(new_address);
  if (context.stage < Stage::rcpt) too_early("rcpt", "rcpt");
  if (!has_recipient(context, mailbox_key(before)) || mailbox_key(before) == mailbox_key(after))
    return;
  remove(context, before);
  add_recipient(context, after);
}

Transport forward_to(const Value& target) {
  const std::string text = text_from(target);
  demand_text(refused_target, text);
  return {Transport::Kind::forward, host_of_target(text)};
}

void set_transport(Call& call, const Value& recipient, Transport transport) {
  Context& context = rule_of(call);
  const std::string key = mailbox_key(address_from(recipient));
  demand(has_recipient(context, key), "could not find rcpt '" + printable(key, 100) + "'");
  context.draft.transports.insert_or_assign(key, std::move(transport));
}

void set_all(Call& call, const Transport& transport) {
  Context& context = rule_of(call);
  for (const mail::Mailbox& one : recipients_of(context)) {
    context.draft.transports.insert_or_assign(mailbox_key(one), transport);
  }
}

template <Transport::Kind kind>
void transport(Call& call, Value recipient) {
  set_transport(call, recipient, {kind, {}});
}
template <Transport::Kind kind>
void transport_all(Call& call) {
  set_all(call, {kind, {}});
}
void forward(Call& call, Value recipient, Value target) {
  set_transport(call, recipient, forward_to(target));
}
void forward_all(Call& call, Value target) { set_all(call, forward_to(target)); }

constexpr std::string_view two_addresses =
    "old_address: address|string, new_address: address|string";
constexpr std::string_view one_recipient = "rcpt: address|string";

constexpr HostFunction envelope_rows[] = {
    {"vsl.rewrite_mail_from_envelop", one_address, "", "Replaces the envelope's sender.",
     bind<&rewrite_mail_from_envelop>},
    {"vsl.add_rcpt_envelop", one_address, "",
     "Adds a recipient; an existing one is kept. Mail to it is relayed, whatever its domain.",
     bind<&add_rcpt_envelop>},
    {"vsl.add_rcpt", one_address, "", "A former name of add_rcpt_envelop().",
     bind<&add_rcpt_envelop>},
    {"vsl.bcc", one_address, "", "Another name of add_rcpt_envelop().", bind<&add_rcpt_envelop>},
    {"vsl.remove_rcpt_envelop", one_address, "",
     "Removes a recipient. A message without recipients is accepted and discarded.",
     bind<&remove_rcpt_envelop>},
    {"vsl.remove_rcpt", one_address, "", "A former name of remove_rcpt_envelop().",
     bind<&remove_rcpt_envelop>},
    {"vsl.rewrite_rcpt_envelop", two_addresses, "",
     "Replaces a recipient; without effect if the old address is not a recipient.",
     bind<&rewrite_rcpt_envelop>},
    {"vsl.rewrite_rcpt", two_addresses, "", "A former name of rewrite_rcpt_envelop().",
     bind<&rewrite_rcpt_envelop>},
    {"vsl.deliver", one_recipient, "",
     "Mail for the recipient goes to the hosts that DNS names. Of several such calls the last "
     "applies; an address that is not a recipient is an error.",
     bind<&transport<Transport::Kind::deliver>>},
    {"vsl.deliver_all", "", "", "The same for all recipients.",
     bind<&transport_all<Transport::Kind::deliver>>},
    {"vsl.forward", "rcpt: address|string, target: text", "",
     "Mail for the recipient goes to a host: `192.0.2.1`, `192.0.2.1:25`, `[2001:db8::1]:25`, "
     "`mx.example`.",
     bind<&forward>},
    {"vsl.forward_all", "target: text", "", "The same for all recipients.", bind<&forward_all>},
    {"vsl.maildir", one_recipient, "", "Mail for the recipient goes to a maildir.",
     bind<&transport<Transport::Kind::maildir>>},
    {"vsl.maildir_all", "", "", "The same for all recipients.",
     bind<&transport_all<Transport::Kind::maildir>>},
    {"vsl.mbox", one_recipient, "", "Mail for the recipient goes to an mbox file.",
     bind<&transport<Transport::Kind::mbox>>},
    {"vsl.mbox_all", "", "", "The same for all recipients.",
     bind<&transport_all<Transport::Kind::mbox>>},
    {"vsl.disable_delivery", one_recipient, "", "The recipient gets no mail.",
     bind<&transport<Transport::Kind::none>>},
    {"vsl.disable_delivery_all", "", "", "The same for all recipients.",
     bind<&transport_all<Transport::Kind::none>>},
};

constexpr Allowed envelope_stages[] = {
    {"rewrite_mail_from_envelop", Stage::mail},
    {"rewrite_rcpt_envelop", Stage::rcpt},
    {"rewrite_rcpt", Stage::rcpt},
};

}  // namespace

Group envelope_functions() { return {envelope_rows, envelope_stages}; }

}  // namespace postern::dialect::vsl
