// Passes a transaction's message on: as received, or as the copies that scripts made of it.
#include <algorithm>
#include <utility>

#include "base/text.h"
#include "gateway/transaction.h"
#include "policy/memory.h"
#include "policy/relaying.h"
#include "policy/replies.h"

namespace postern::gateway {

namespace {

std::uint64_t made_by_sink(const spool::Body& message) {
  return 2 * std::min<std::uint64_t>(message.size(), spool::Body::in_memory_limit);
}

}  // namespace

std::uint64_t Transaction::memory_of(const Handed& copy, const spool::Body& message) {
  std::uint64_t octets = sizeof copy + made_by_sink(copy.changed ? *copy.changed : message);
  if (copy.changed) octets += copy.changed->memory();
  for (const policy::Recipient& one : copy.evidence.recipients) octets += policy::memory_of(one);
  for (const policy::ScriptCopy& one : copy.evidence.copies) octets += policy::memory_of(one);
  // Counted twice: the evidence, and the text of it that the queue keeps.
  for (const policy::DnsRecord& one : copy.evidence.dns) octets += 2 * policy::memory_of(one);
  for (const policy::Consultation& one : copy.evidence.consulted) {
    octets += 2 * policy::memory_of(one);
  }
  return octets;
}

Task<smtp::Reply> Transaction::hand_on(const smtp::Reply& afterwards) {
  std::vector<Handed> handed;
  std::vector<MessageSink::Copy> copies;
  MemoryCharge charge(services_.resources.memory());
  const std::vector<policy::ScriptCopy>& made = evidence_.copies;
  const bool as_it_came = made.empty() || (made.size() == 1 && made.front().is_as_it_came());
  if (as_it_came && !has_incomplete_addresses()) {
    copies.push_back({.evidence = &evidence_, .message = &message_->body});
    if (!charge.set(made_by_sink(message_->body))) co_return policy::replies::no_room();
  } else {
    if (as_it_came) {
      handed.push_back({.evidence = evidence_, .changed = std::nullopt});
      if (!charge.set(memory_of(handed.front(), message_->body)))
        co_return policy::replies::no_room();
    } else {
      smtp::Reply refusal = make_copies(handed, charge);
      if (refusal.code != 0) co_return refusal;
    }
    for (Handed& one : handed) {
      auto& sender = one.evidence.reverse_path;
      if (sender) sender = completed(std::move(*sender));
      for (policy::Recipient& recipient : one.evidence.recipients) {
        recipient.address = completed(std::move(recipient.address));
      }
      copies.push_back(
          {.evidence = &one.evidence, .message = one.changed ? &*one.changed : &message_->body});
    }
  }
  if (copies.empty()) co_return smtp::Reply{.code = 250, .enhanced = {2, 0, 0}, .text = "ok"};
  smtp::Reply reply = co_await services_.sink.take(std::move(copies), ruling(afterwards));
  co_return reply;
}

smtp::Reply Transaction::make_copies(std::vector<Handed>& handed, MemoryCharge& charge) {
  // Removed while the evidence is copied: otherwise every copy would contain all of them.
  std::vector<policy::ScriptCopy> made = std::exchange(evidence_.copies, {});
  std::vector<policy::Recipient> recipients = std::exchange(evidence_.recipients, {});
  smtp::Reply refusal{.code = 0};
  std::uint64_t octets = 0;
  for (const policy::ScriptCopy& copy : made) {
    if (copy.to_nobody) continue;
    Result<Handed> one = hand_on(copy, recipients);
    if (!one) {
      refusal = smtp::reply_for(one.error().fault);
      break;
    }
    octets += memory_of(handed.emplace_back(std::move(*one)), message_->body);
    if (!charge.set(octets)) {
      refusal = policy::replies::no_room();
      break;
    }
  }
  evidence_.copies = std::move(made);
  evidence_.recipients = std::move(recipients);
  return refusal;
}

Result<Transaction::Handed> Transaction::hand_on(const policy::ScriptCopy& copy,
                                                 const std::vector<policy::Recipient>& recipients) {
  Handed handed{.evidence = evidence_, .changed = std::nullopt};
  policy::Evidence& evidence = handed.evidence;
  for (const std::size_t index : copy.recipients) {
    evidence.recipients.push_back(recipients.at(index));
  }
  if (copy.reverse_path) evidence.reverse_path = copy.reverse_path;
  if (copy.null_path) evidence.reverse_path.reset();
  if (!copy.forward_paths.empty()) {
    evidence.recipients.clear();
    for (const mail::Mailbox& address : copy.forward_paths) {
      policy::Recipient recipient = recipient_of(address);
      // The script decides: an address without a route here is relayed.
      (void)policy::grant_relay(policy::Grant::added, recipient.route);
      evidence.recipients.push_back(std::move(recipient));
    }
  }
  for (policy::Recipient& recipient : evidence.recipients) {
    const auto chosen = copy.transports.find(lower(recipient.address.text()));
    if (chosen != copy.transports.end()) recipient.transport = chosen->second;
  }
  if (copy.text || copy.header) {
    const auto original = message();
    const std::size_t header = evidence_.message ? evidence_.message->header_size : 0;
    handed.changed.emplace(settings_->body_directory);
    Result<void> written = handed.changed->append(copy.text ? *copy.text : *copy.header);
    if (written && !copy.text && original) {
      written = handed.changed->append(original->substr(std::min(header, original->size())));
    }
    if (!written) return fail(Fault::temporary, written.error().message);
  }
  evidence.copies = {copy};
  // The script's changes are part of the message from here on.
  for (auto* said : {&evidence.copies.front().text, &evidence.copies.front().header}) {
    if (*said) said->emplace();
  }
  return handed;
}

}  // namespace postern::gateway
