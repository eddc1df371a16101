#include "smtp/client_attempt.h"

#include <algorithm>

#include "smtp/client_state.h"

namespace postern::smtp {
namespace {

constexpr std::size_t max_dials_per_host = 20;

}  // namespace

DeliveryAttempt::DeliveryAttempt(const OutboundMessage& message, std::size_t hosts)
    : message_(message),
      hosts_(hosts),
      lacking_(message.recipients.size(), 0),
      remaining_(message),
      results_(message.recipients.size()) {
  for (std::size_t i = 0; i < message.recipients.size(); ++i) open_.push_back(i);
}

std::optional<DeliveryAttempt::Dial> DeliveryAttempt::next() const {
  if (dial_.host >= hosts_ || open_.empty()) return std::nullopt;
  return dial_;
}

void DeliveryAttempt::unreachable(std::string_view why) {
  const RecipientResult result = own_result({4, 4, 1}, why, true);
  finished(std::vector<RecipientResult>(open_.size(), result), {});
}

void DeliveryAttempt::finished(const std::vector<RecipientResult>& results,
                               const DeliveryDone& done) {
  std::vector<std::size_t> still_open;
  for (std::size_t i = 0; i < open_.size() && i < results.size(); ++i) {
    const std::size_t recipient = open_[i];
    const RecipientResult& result = results[i];
    if (result.lacking) ++lacking_[recipient];
    // What a host said, or lacked, tells more than that the next could not be reached.
    RecipientResult& kept = results_[recipient];
    const bool says_more = result.code != 0 || result.lacking || !result.next_host;
    if (says_more || (kept.code == 0 && !kept.lacking)) kept = result;
    if (result.next_host || (done.retry_without_tls && !result.lacking)) {
      still_open.push_back(recipient);
    }
  }
  open_ = std::move(still_open);
  ++dials_here_;
  const bool again = done.same_host && dials_here_ < max_dials_per_host;
  if (done.retry_without_tls && !dial_.without_tls) {
    dial_.without_tls = true;
  } else if (again) {
    dial_.again = true;
  } else {
    dial_ = {.host = dial_.host + 1};
    dials_here_ = 0;
  }
  remaining_.recipients.clear();
  for (const std::size_t i : open_) remaining_.recipients.push_back(message_.recipients[i]);
  if (next()) return;
  // Only a need that no host of the attempt can meet is the sender's to know.
  for (std::size_t i = 0; i < results_.size(); ++i) {
    if (!results_[i].lacking || lacking_[i] >= hosts_) continue;
    results_[i].klass = ResultClass::temporary;
    results_[i].enhanced.klass = 4;
  }
}

}  // namespace postern::smtp
