#include "spool/verify.h"

#include <utility>

namespace postern::spool {
namespace {

constexpr std::size_t verified_at_once = 100;
constexpr std::size_t max_findings = 1000;

void verify_message(Spool& spool, const Message& message, Verification& found) {
  std::string wrong = message.damage;
  Result<BodyReader> reader = spool.body(message.id);
  while (reader && wrong.empty()) {
    const Result<std::string_view> bytes = reader->next();
    if (!bytes) wrong = bytes.error().message;
    if (!bytes || bytes->empty()) break;
    found.octets += bytes->size();
  }
  if (!reader && wrong.empty()) wrong = reader.error().message;
  const Result<std::optional<Message>> whole = spool.get(message.id);
  if (!whole) return note_finding(found, message.id, whole.error().message);
  if (!*whole) return;  // delivered meanwhile: nothing to check
  found.messages += 1;
  found.recipients += (*whole)->envelope.recipients.size();
  if (!wrong.empty()) note_finding(found, message.id, wrong);
}

}  // namespace

void note_finding(Verification& found, const MessageId& message, std::string what) {
  found.wrong += 1;
  if (found.findings.size() < max_findings) found.findings.push_back({message, std::move(what)});
}

tl::unexpected<Error> verification_stopped() {
  return fail(Fault::temporary, "the gateway is stopping; verify again when it has started");
}

Result<void> verify_messages(Spool& spool, const std::atomic<bool>& stop, Verification& found) {
  MessageId before;
  for (;;) {
    const Result<std::vector<Message>> messages = spool.list({}, before, verified_at_once);
    if (!messages && stop) return verification_stopped();
    if (!messages) return tl::unexpected(messages.error());
    for (const Message& message : *messages) {
      if (stop) return verification_stopped();
      verify_message(spool, message, found);
    }
    if (messages->size() < verified_at_once) return {};
    before = messages->back().id;
  }
}

}  // namespace postern::spool
