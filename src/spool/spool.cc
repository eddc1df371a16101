#include "spool/spool.h"

#include <algorithm>

namespace postern::spool {

bool may_be_put(const Envelope& envelope) {
  const auto& recipients = envelope.recipients;
  return !recipients.empty() &&
         std::all_of(recipients.begin(), recipients.end(), [](const Recipient& one) {
           return one.state != State::delivered && one.state != State::failed;
         });
}

}  // namespace postern::spool
