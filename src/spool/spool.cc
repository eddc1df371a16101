#include "spool/spool.h"

#include <algorithm>
#include <utility>

namespace postern::spool {

bool may_be_put(const Envelope& envelope) {
  const auto& recipients = envelope.recipients;
  return !recipients.empty() &&
         std::all_of(recipients.begin(), recipients.end(), [](const Recipient& one) {
           return one.state != State::delivered && one.state != State::failed;
         });
}

Result<std::vector<Whole>> Spool::whole(std::span<const MessageId> ids) {
  std::vector<Whole> all;
  for (const MessageId& id : ids) {
    auto message = get(id);
    if (!message) return tl::unexpected(message.error());
    if (*message) all.push_back({.message = std::move(**message), .body = body(id)});
  }
  return all;
}

}  // namespace postern::spool
