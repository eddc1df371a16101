// What a transaction hands on: the message as it came, or the copies that scripts made of it.
#include <algorithm>
#include <utility>

#include "base/text.h"
#include "gateway/transaction.h"
#include "policy/memory.h"

namespace postern::gateway {

std::uint64_t Transaction::in_memory(const std::vector<Handed>& copies) {
  std::uint64_t octets = 0;
  for (const Handed& one : copies) {
    if (one.changed) octets += one.changed->memory();
    for (const policy::Recipient& recipient : one.evidence.recipients) {
      octets += policy::memory_of(recipient);
    }
  }
  return octets;
}

Task<smtp::Reply> Transaction::hand_on(const smtp::Reply& afterwards) {
  std::vector<Handed> handed;
  std::vector<MessageSink::Copy> copies;
  // Not there while the evidence is copied for each of them.
  std::vector<policy::ScriptCopy> made = std::exchange(evidence_.copies, {});
  if (made.empty() || (made.size() == 1 && made.front().is_as_it_came())) {
    copies.push_back({.evidence = &evidence_, .message = &message_->body});
  }
  handed.reserve(made.size());  // they are pointed at
  if (copies.empty()) {
    for (const policy::ScriptCopy& copy : made) {
      if (copy.to_nobody) continue;
      Result<Handed> one = hand_on(copy);
      if (!one) {
        evidence_.copies = std::move(made);
        co_return smtp::reply_for(one.error().fault);
      }
      Handed& kept = handed.emplace_back(std::move(*one));
      copies.push_back(
          {.evidence = &kept.evidence, .message = kept.changed ? &*kept.changed : &message_->body});
    }
  }
  evidence_.copies = std::move(made);
  if (copies.empty()) co_return smtp::Reply{.code = 250, .enhanced = {2, 0, 0}, .text = "ok"};
  // And what the sink makes of each: a payload, or the message with our fields on top.
  std::uint64_t made_of_them = 0;
  for (const MessageSink::Copy& copy : copies) {
    made_of_them += 2 * std::min<std::uint64_t>(copy.message->size(), spool::Body::in_memory_limit);
  }
  MemoryCharge charge(services_.resources.memory());
  if (!charge.set(in_memory(handed) + made_of_them)) {
    co_return smtp::Reply{
        .code = 452, .enhanced = {4, 3, 1}, .text = "insufficient system storage"};
  }
  smtp::Reply reply = co_await services_.sink.take(std::move(copies), ruling(afterwards));
  co_return reply;
}

Result<Transaction::Handed> Transaction::hand_on(const policy::ScriptCopy& copy) {
  Handed handed{.evidence = evidence_, .changed = std::nullopt};
  policy::Evidence& evidence = handed.evidence;
  evidence.recipients.clear();
  for (const std::size_t index : copy.recipients) {
    evidence.recipients.push_back(evidence_.recipients.at(index));
  }
  if (copy.reverse_path) evidence.reverse_path = copy.reverse_path;
  if (copy.null_path) evidence.reverse_path.reset();
  if (!copy.forward_paths.empty()) {
    evidence.recipients.clear();
    for (const mail::Mailbox& address : copy.forward_paths) {
      policy::Recipient recipient = recipient_of(address);
      // The script says so: what is nobody's here goes where it is at home.
      if (recipient.route.kind == policy::Route::Kind::none) {
        recipient.route.kind = policy::Route::Kind::relay;
      }
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
  return handed;
}

}  // namespace postern::gateway
